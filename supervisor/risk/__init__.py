"""Risk across all strategies: common limits, the leases that share them out, and what is done when losses mount."""
