"""The balances of Bybit's unified account.

Source: Bybit V5 API documentation, "Get Wallet Balance" ("Old walletBalance = New walletBalance - spotBorrow") and
"Wallet" (private stream); read 2026-11-24.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from gateways.bybit.bodies import Text, exact, exact_or_zero


class CoinBody(msgspec.Struct, frozen=True, rename="camel"):
    coin: str
    wallet_balance: str
    spot_borrow: Text = ""


class WalletBody(msgspec.Struct, frozen=True):
    coin: tuple[CoinBody, ...]


def balances_of(wallets: Iterable[WalletBody]) -> dict[str, Decimal]:
    """Totals by currency: what orders reserve is in it, unrealised profit is not, and what is borrowed is not ours."""
    balances: dict[str, Decimal] = {}
    for coin in (coin for wallet in wallets for coin in wallet.coin):
        total = exact(coin.wallet_balance, f"walletBalance of {coin.coin}")
        borrowed = exact_or_zero(coin.spot_borrow, f"spotBorrow of {coin.coin}")
        balances[coin.coin] = balances.get(coin.coin, Decimal(0)) + total - borrowed
    return balances
