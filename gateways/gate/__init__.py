"""The order gate, the books that it judges by, and what waits before it. Pure."""
