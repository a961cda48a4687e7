"""A cluster under risk rules, without a shell: gateways with lease books, and strategies that tell what they earn."""

from decimal import Decimal

import msgspec

from actors.runtime.spec import HostSpec
from gateways.gate.lease_book import Exposure, LeaseBook
from gateways.spec import GatewaySpec
from messages.from_child import DropCopy, GatewayUpdate, StrategyUpdate
from messages.health import GatewayStatus, Latency, Lifecycle, OrderCounts, Pnl, StrategyStatus
from messages.instruments import Instrument
from messages.orders import Side
from messages.risk import LeaseGrant, SetTradingState, TradingState
from supervisor.actions import Audit, SaveRegistry, SendNews
from supervisor.child_spec import ClusterPlan
from supervisor.config.risk import LossLimits, LossTiers, RiskConfig, StrategyLimits
from supervisor.ledger.entries import LedgerOpened
from supervisor.occurrences import Measured
from supervisor.registry import Registry
from tests.supervisor.core_driver import CARRY, OTHER, PERP, SPOT, Drive, desk
from tests.supervisor.risk.race import instrument
from tests.support.orders import fill, submit

D = Decimal
ZERO = D(0)
BTC_SPOT, BTC_PERP = instrument("BTCUSDT", SPOT), instrument("BTCUSDT", PERP)
ETH_SPOT = instrument("ETHUSDT", SPOT, "ETH")
TRADES = {CARRY: (BTC_SPOT, BTC_PERP), OTHER: (ETH_SPOT,)}
DAY_NS = 86_400 * 1_000_000_000


def gateway_spec(name: str, *instruments: Instrument) -> GatewaySpec:
    return GatewaySpec(
        process=name, cluster="desk", supervisor_endpoint="inproc://children", venue=name, instruments=instruments,
        orders_endpoint="", market_data_endpoint="", venue_orders_endpoint="", venue_data_endpoint="", journal_dir="",
    )  # fmt: skip


def risk_plan(config: RiskConfig | None) -> ClusterPlan:
    plan = desk(CARRY, OTHER)
    specs = {SPOT: gateway_spec(SPOT, BTC_SPOT, ETH_SPOT), PERP: gateway_spec(PERP, BTC_PERP)}
    children = []
    for child in plan.children:
        spec = specs.get(child.name, child.spec)
        if isinstance(spec, HostSpec):
            spec = msgspec.structs.replace(spec, instruments=TRADES[child.name])
        children.append(msgspec.structs.replace(child, spec=spec))
    return msgspec.structs.replace(plan, children=tuple(children), risk=config)


class RiskFloor(Drive):
    """:ivar day: that it is, since the epoch.
    :ivar recorded: by gateway, how many records its journal has.
    """

    def __init__(self, config: RiskConfig | None, *, registry: Registry | None = None, first_pid: int = 101) -> None:
        super().__init__(risk_plan(config), registry=registry, first_pid=first_pid)
        self.books = {SPOT: LeaseBook(), PERP: LeaseBook()}
        self.prices = {BTC_SPOT.id: 100.0, BTC_PERP.id: 100.0, ETH_SPOT.id: 10.0}
        self.held: dict[tuple[str, str], Decimal] = {}
        self.day = 20_000
        self.copies: list[DropCopy] = []
        self.recorded = dict.fromkeys(self.books, 0)

    # --- leases ---

    def ask(self, gateway: str) -> list[object]:
        """A gateway asks for its leases and applies what it is answered. Returns what was asked of the shell."""
        self.now_ns += 1_000_000
        held = {
            key: Exposure(size, max(size, ZERO), max(-size, ZERO))
            for key, size in self.held.items()
            if key[1].endswith(f".{gateway}")
        }
        request = self.books[gateway].request(gateway, self.now_ns, held, self.prices, recorded=self.recorded[gateway])
        asked = self.says(gateway, request)
        for news in self.of(SendNews, asked):
            if isinstance(news.news, LeaseGrant):
                assert news.child == gateway
                assert self.books[gateway].apply(news.news)
        return list(asked)

    def ask_all(self, rounds: int = 3) -> "RiskFloor":
        for _ in range(rounds):
            for gateway in self.books:
                self.ask(gateway)
        return self

    # --- drop copies ---

    def opens(self, applied: dict[str, int] | None = None) -> None:
        """The ledger opens its database, which is empty but for what `applied` says."""
        self.tell(LedgerOpened(applied or {}))

    def fills(
        self, gateway: str, strategy: str, instrument: Instrument, quantity: str, price: str, *, is_told: bool = True
    ) -> DropCopy:
        """A gateway journals a fill, holds what it brought, and sends the copy; not, where it is lost on its way.

        :param quantity: signed.
        """
        size = D(quantity)
        self.recorded[gateway] += 1
        number = self.recorded[gateway]
        order = submit(number, strategy=strategy, instrument=instrument.id, side=Side.BUY if size > 0 else Side.SELL)
        one = fill(order, str(abs(size)), f"t-{number}", price=D(price), fee=ZERO)
        key = (strategy, instrument.id)
        self.held[key] = self.held.get(key, ZERO) + size
        copy = DropCopy(gateway, number, (one,))
        self.copies.append(copy)
        if is_told:
            self.says(gateway, copy)
        return copy

    # --- what is told ---

    def earns(self, strategy: str, profit: str, *, orders: int = 0, currency: str = "USDT") -> None:
        pnl = Pnl(D(profit), ZERO, ZERO, ZERO, currency)
        status = StrategyStatus(
            id=strategy, kind="spot-futures", lifecycle=Lifecycle.RUNNING, state="IDLE",
            epoch=self.core.floor.children[strategy].epoch, messages=0, orders=orders, fills=0, open_orders=0,
            positions={}, pnl=pnl, pnls=(pnl,), cycles=0, note="",
        )  # fmt: skip
        self.says(strategy, StrategyUpdate(strategy, status))

    def measures(self, gateway: str, strategy: str, p99_us: float) -> None:
        status = GatewayStatus(
            id=gateway, is_venue_up=True, is_halted=False, open_orders=0, orders=OrderCounts(), positions={},
            balances={}, published=0, tick_to_order={strategy: Latency(1.0, p99_us, p99_us, 1_000)},
        )  # fmt: skip
        self.says(gateway, GatewayUpdate(gateway, status))

    def look(self, seconds: float = 1.0) -> list[object]:
        """So many seconds pass, and a look is taken each second."""
        asked: list[object] = []
        for _ in range(max(1, int(seconds))):
            self.now_ns += 1_000_000_000
            asked += self.tell(Measured({}, None, self.day * DAY_NS))
        return asked

    # --- what was decided ---

    def saved(self) -> Registry:
        """What is on the disk, as another process would read it."""
        return msgspec.json.decode(msgspec.json.encode(self.of(SaveRegistry)[-1].registry), type=Registry)

    def audits(self) -> list[tuple[str, str, str]]:
        """Kind, subject and action of every decision."""
        return [(item.kind, item.subject, item.payload.get("action", "")) for item in self.of(Audit)]


LOSSES = RiskConfig(
    portfolio=LossLimits(
        gross_notional_max=D(10_000),
        daily_loss=LossTiers(warn=D(150), reducing=D(200), halted=D(300), flatten=D(400)),
    ),
    strategies={CARRY: StrategyLimits(daily_loss=LossTiers(warn=D(20), reducing=D(50), halted=D(80), flatten=D(100)))},
)


def trading(config: RiskConfig | None = LOSSES) -> RiskFloor:
    floor = RiskFloor(config)
    floor.trading()
    return floor


def states(floor: RiskFloor, actions: object = None) -> list[tuple[str, str, TradingState]]:
    """What gateways were told, as (gateway, strategy, state)."""
    return [(name, item.strategy, item.state) for name, item in floor.commands(SetTradingState, actions)]  # type: ignore[arg-type]
