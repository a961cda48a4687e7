"""What the operator asks of single strategies and of the kill switch, and how it is done step by step. Pure."""
