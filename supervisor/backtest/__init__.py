"""The backtest: the same strategies and the same simulated venues in one process, on the time of the market."""
