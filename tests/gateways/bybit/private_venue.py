"""A venue that answers each question of an account, for tests."""

from urllib.parse import parse_qs

from gateways.native.wire import RestRequest
from gateways.venue import AccountQuery
from tests.gateways.bybit.private_account import (
    NOW_MS,
    Account,
    page,
)

HOUR_MS = 3_600_000
WALLET = {"accountType": "UNIFIED", "coin": [{"coin": "USDT", "walletBalance": "1000"}]}


def position(symbol: str = "BTCUSDT", side: str = "Buy", size: str = "0.5", **fields) -> dict:
    return {"symbol": symbol, "side": side, "size": size, "positionIdx": 0, "updatedTime": str(NOW_MS)} | fields


def transaction(**fields) -> dict:
    """The example of the documentation, of our instrument."""
    body = {
        "symbol": "BTCUSDT",
        "side": "Buy",
        "funding": "-0.003676",
        "transactionTime": str(NOW_MS - HOUR_MS),
        "type": "SETTLEMENT",
        "feeRate": "0.0001",
        "qty": "100",
        "currency": "USDT",
        "category": "linear",
        "tradePrice": "0.3676",
        "tradeId": "534c0003",
    }
    return body | fields


class Venue:
    """Answers each question by its path, with the only page of it that there is."""

    def __init__(self, **lists: list[dict]) -> None:
        self.lists = {"account_wallet_balance": [WALLET], **lists}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def run(self, account: Account, *, after_funding: int = 0, after_forced: int = 0, now_ms: int = NOW_MS) -> list:
        told: list = [account.inquiry.ask(AccountQuery("bybit", after_funding, after_forced), now_ms)]
        while isinstance(told[0], RestRequest):
            told = account.inquiry.on_response(self.answer(told[0]), now_ms)
        return told

    def answer(self, request: RestRequest):
        params = {name: values[0] for name, values in parse_qs(request.query).items()}
        name = request.path.removeprefix("/v5/").replace("/", "_").replace("-", "_")
        self.asked.append((name, params))
        bodies = self.lists.get(name, [])
        category, settle = params.get("category", ""), params.get("settleCoin", "USDT")
        of_it = [one for one in bodies if one.get("category", category) == category and settle == "USDT"]
        return page(request.key, *of_it)
