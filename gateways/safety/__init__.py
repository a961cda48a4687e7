"""What a gateway does by itself for the safety of its account."""
