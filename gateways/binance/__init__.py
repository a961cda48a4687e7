"""Binance's protocol, pure: spot, USDT-M and COIN-M futures. Bytes in, our messages out; commands in, requests out."""
