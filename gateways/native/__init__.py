"""What native venues have in common: how their protocols, which are pure, speak with the one shell that drives them."""
