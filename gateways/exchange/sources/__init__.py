"""Where a simulated venue's market comes from."""
