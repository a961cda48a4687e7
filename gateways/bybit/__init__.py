"""Bybit, API V5: spot, linear and inverse contracts. Protocol only: bytes in, messages out, and the other way round."""
