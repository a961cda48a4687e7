"""The account at Binance: balances, positions, open orders and fundings, put together as one `AccountState`. Pure.

Spot: balances with what orders have locked. Futures: wallet balances, and positions; in hedge mode the long and the
short side of a contract are added up, since a position of ours is signed.

Sources, read 2026-11-24: Spot API docs, "Account information", "Current open orders"; Derivatives docs, USDⓈ-M Futures
("Futures Account Balance V2/V3", "Position Information V2/V3", "Account Information V2", "Current All Open Orders") and
COIN-M Futures ("Futures Account Balance", "Position Information").
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from gateways.binance.answer_frames import Answer, body_of
from gateways.binance.funding_book import INCOMES, FundingBook
from gateways.binance.malformed import DECODE_ERRORS, malformed
from gateways.binance.market import Market
from gateways.binance.operations import Ask
from gateways.binance.order_bodies import ORDERS, ZERO, OrderBody
from gateways.binance.venue_orders import can_be_ours
from gateways.native.wire import OutcomeUnknown
from gateways.venue import OPEN_ORDERS_MAX, AccountQuery, AccountState, OpenOrder


class SpotBalanceBody(msgspec.Struct, gc=False):
    asset: str
    free: Decimal
    locked: Decimal


class SpotAccountBody(msgspec.Struct, gc=False, rename="camel"):
    """`can_withdraw`: what the account may; what a key may is said elsewhere."""

    balances: list[SpotBalanceBody]
    can_trade: bool = True
    can_withdraw: bool = False


class BalanceBody(msgspec.Struct, gc=False):
    """`balance`: of the wallet, unrealised profit not included."""

    asset: str
    balance: Decimal


class PositionBody(msgspec.Struct, gc=False, rename="camel"):
    """`position_amt`: signed, of one side; in contracts on COIN-M."""

    symbol: str
    position_amt: Decimal
    position_side: str = "BOTH"


class AssetBody(msgspec.Struct, gc=False, rename="camel"):
    asset: str
    wallet_balance: Decimal


class FuturesAccountBody(msgspec.Struct, gc=False):
    """The whole account in one answer (Account Information)."""

    assets: list[AssetBody]
    positions: list[PositionBody] = []


class PositionModeBody(msgspec.Struct, gc=False, rename="camel"):
    dual_side_position: bool


class ListenKeyBody(msgspec.Struct, gc=False, rename="camel"):
    listen_key: str


SPOT_ACCOUNT: Final = msgspec.json.Decoder(SpotAccountBody)
BALANCES: Final = msgspec.json.Decoder(list[BalanceBody])
POSITIONS: Final = msgspec.json.Decoder(list[PositionBody])
FUTURES_ACCOUNT: Final = msgspec.json.Decoder(FuturesAccountBody)
POSITION_MODE: Final = msgspec.json.Decoder(PositionModeBody)
LISTEN_KEY: Final = msgspec.json.Decoder(ListenKeyBody)

_SPOT_PARTS: Final = (Ask.BALANCES, Ask.OPEN_ORDERS)
_FUTURES_PARTS: Final = (Ask.BALANCES, Ask.POSITIONS, Ask.OPEN_ORDERS, Ask.INCOME)


class AccountInquiry:
    """One look at the account: each part is asked for by itself, and the state is told when all are there.

    :param book: of the fundings; None on spot.
    """

    def __init__(self, market: Market, query: AccountQuery, book: FundingBook | None) -> None:
        self._market = market
        self._venue = query.venue
        self._book = book
        self._missing = set(_SPOT_PARTS if market.is_spot else _FUTURES_PARTS)
        self._balances: dict[str, Decimal] = {}
        self._positions: dict[str, Decimal] = {}
        self._orders: list[OrderBody] = []
        if book is not None:
            book.confirm(query.after_funding)

    @property
    def parts(self) -> tuple[Ask, ...]:
        """What is to be asked."""
        return _SPOT_PARTS if self._market.is_spot else _FUTURES_PARTS

    def take(self, part: Ask, answer: Answer, now_ns: int, now_ms: int) -> AccountState | OutcomeUnknown | Ask | None:
        """One answer.

        :param now_ns: our time. :param now_ms: the venue's.
        :returns: the state; or that it cannot be told; or a part to ask for again; None while parts are missing.
        :raises MalformedMessage: it cannot be read.
        """
        if not answer.is_ok:
            return OutcomeUnknown(answer.key, f"{part}: status {answer.status} code {answer.code}: {answer.text}")
        if self._read(part, answer, now_ms):
            return part
        self._missing.discard(part)
        if self._missing:
            return None
        try:
            return self._state(now_ns)
        except ValueError as error:
            raise malformed("account", answer.result, error) from error

    def _read(self, part: Ask, answer: Answer, now_ms: int) -> bool:
        """Whether there is more of it to be asked for."""
        if part is Ask.BALANCES and self._market.is_spot:
            self._balances = spot_balances(body_of(answer, SPOT_ACCOUNT, "account"))
        elif part is Ask.BALANCES:
            self._balances = {each.asset: each.balance for each in body_of(answer, BALANCES, "balances")}
        elif part is Ask.POSITIONS:
            positions = body_of(answer, POSITIONS, "positions")
            self._positions = net_positions(positions, self._venue)
        elif part is Ask.OPEN_ORDERS:
            self._orders = body_of(answer, ORDERS, "open orders")
        elif part is Ask.INCOME:
            assert self._book is not None, "incomes without a book"
            incomes = body_of(answer, INCOMES, "incomes")
            return self._book.take(incomes, now_ms)
        return False

    def _state(self, now_ns: int) -> AccountState:
        ours = [order for order in self._orders if can_be_ours(order.client_order_id)][:OPEN_ORDERS_MAX]
        return AccountState(
            venue=self._venue,
            positions=self._positions,
            balances={currency: total for currency, total in self._balances.items() if total},
            open_orders=tuple(order.client_order_id for order in ours),
            fundings=() if self._book is None else self._book.booked(self._venue, self._positions),
            ts_event=now_ns,
            listed=tuple(OpenOrder(order.client_order_id, f"{order.symbol}.{self._venue}") for order in ours),
        )


def spot_balances(account: SpotAccountBody) -> dict[str, Decimal]:
    """Totals, what is locked by orders included."""
    return {each.asset: each.free + each.locked for each in account.balances}


def net_positions(positions: Iterable[PositionBody], venue: str) -> dict[str, Decimal]:
    """Signed, by instrument id; what nets to nothing is left out."""
    net: dict[str, Decimal] = {}
    for position in positions:
        instrument = f"{position.symbol}.{venue}"
        net[instrument] = net.get(instrument, ZERO) + position.position_amt
    return {instrument: held for instrument, held in net.items() if held}


def read_futures_account(body: bytes, venue: str) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Balances and positions of the answer that has both.

    :raises MalformedMessage: it cannot be read.
    """
    try:
        account = FUTURES_ACCOUNT.decode(body)
    except DECODE_ERRORS as error:
        raise malformed("futures account", body, error) from error
    return {each.asset: each.wallet_balance for each in account.assets}, net_positions(account.positions, venue)
