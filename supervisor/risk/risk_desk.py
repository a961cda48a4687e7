"""Risk as the supervisor's core has it: leases for the gateways, and who may trade how. Pure.

Whatever it decides is recorded as actions of the floor, in order: what must outlive the supervisor is saved before it
is said.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from gateways.spec import GatewaySpec
from messages.from_child import DropCopy, ProcessKind
from messages.health import LimitUse
from messages.instruments import Instrument
from messages.risk import DeathPolicy, LeaseRequest, SetTradingState, TradingState, strictest
from supervisor.actions import SendNews
from supervisor.children import Child
from supervisor.config.mistakes import Mistake, nearest_name, one_of
from supervisor.config.risk import RiskConfig, limit_at, names_in, with_limit
from supervisor.floor import Floor
from supervisor.ledger.entries import LedgerOpened, RecordsApplied
from supervisor.operations.risk_port import UnknownLimit
from supervisor.risk.copy_book import CopyBook
from supervisor.risk.cross_check import CrossCheck
from supervisor.risk.lease_desk import LeaseDesk, Party
from supervisor.risk.limits import Limits
from supervisor.risk.monitor import Monitor, traded_by
from supervisor.risk.profits import CLUSTER
from supervisor.risk.records import RiskRecord, StateRecord
from supervisor.risk.stages import Changed, Eased, Resumed, Stage, Strictness, Tighten
from supervisor.risk.valuation import Valuation

_HALTS: Final = frozenset({Stage.HALTED, Stage.FLATTENED})
"""Of the whole cluster, these are the kill switch."""


class RiskDesk:
    """:param record: of an earlier supervisor.
    :ivar flatten: has a strategy close what it holds, or its gateways where it cannot; set by the core.
    :ivar before_tighten: ends what would loosen a strategy again, before the stricter state is saved; set by the core.
    :ivar instruments: of all gateways, by instrument id.
    :ivar config: `[risk]` with what the operator has changed; None: nothing is limited.
    """

    def __init__(self, floor: Floor, config: RiskConfig | None, record: RiskRecord) -> None:
        self._floor = floor
        self.config = _changed(config, floor)
        self.instruments = _instruments(floor)
        self.valuation = Valuation(
            self.config.reporting_currency if self.config else "",
            self.config.rates if self.config else {},
            self.instruments,
            guesses=self.config.prices if self.config else {},
            marks=record.marks,
        )
        self.leases = LeaseDesk(
            limits=Limits(self.config, self.instruments),
            valuation=self.valuation,
            instruments=self.instruments,
            gateways=[child.name for child in floor.of_kind(ProcessKind.GATEWAY)],
            records=record.gateways,
            ttl_ms=floor.plan.lease_ttl_ms,
        )
        book = CopyBook(self.instruments)
        self.positions = CrossCheck(book, [child.name for child in floor.of_kind(ProcessKind.GATEWAY)])
        self.monitor = Monitor(
            floor=floor,
            positions=self.positions,
            ruler=self,
            leases=self.leases,
            valuation=self.valuation,
            instruments=self.instruments,
            config=lambda: self.config,
            records=record.losses,
        )
        self.flatten: Callable[[str], None] = lambda _strategy: None
        self.before_tighten: Callable[[str], None] = lambda _strategy: None
        self._strictness = {
            subject: Strictness(Stage(kept.stage), kept.reason) for subject, kept in record.states.items()
        }

    def begin_anew(self) -> None:
        """A new run begins, and profits with it; restrictions that nobody has ended stay."""
        self.monitor.records.clear()

    def came_back(self, living: Iterable[str]) -> None:
        """A run is taken over: nothing is granted beyond what is out before its living gateways have said what is."""
        gateways = {child.name for child in self._floor.of_kind(ProcessKind.GATEWAY)}
        self.leases.await_word(gateways & set(living))

    # --- leases -------------------------------------------------------------------------------------------------

    def registered(self, child: Child) -> None:
        """A process has introduced itself."""
        if child.kind is ProcessKind.GATEWAY:
            self.leases.began(child.name)
            self.positions.began(child.name)

    def copied(self, copy: DropCopy) -> None:
        """A gateway tells what it has journaled."""
        self.monitor.copied(copy)
        self.positions.copied(copy, self._floor.now_ns)
        if copy.process in self.leases.gateways:
            self.leases.count(copy.process, self.positions.counted(copy.process))

    def ledger_spoke(self, news: LedgerOpened | RecordsApplied) -> None:
        """The ledger tells what it holds, or what it has committed."""
        if isinstance(news, LedgerOpened):
            self.positions.opened(news, self._floor.now_ns)
        else:
            self.positions.applied(news, self._floor.now_ns)
        for gateway in self.leases.gateways & news.applied.keys():
            self.leases.count(gateway, self.positions.counted(gateway))

    def lease_asked(self, child: Child, request: LeaseRequest) -> None:
        """A gateway asks for its leases, and is answered at once."""
        for gateway in self._floor.of_kind(ProcessKind.GATEWAY):
            if gateway.is_out:
                self.leases.gave_up(gateway.name)
        now_ns = self._floor.now_ns
        self.positions.reported(request, now_ns)
        answer = self.leases.answer(request, self._parties(), now_ns, self.positions.counted(request.process))
        if answer is None:
            return
        if answer.is_changed:
            self._floor.save()
        self._floor.actions.append(SendNews(child.name, answer.grant))

    def _parties(self) -> list[Party]:
        return [
            Party(
                strategy=child.plan.strategy,
                epoch=child.epoch,
                priority=child.plan.priority,
                instruments=tuple(item.id for item in traded_by(child) if item.id in self.instruments),
                can_grow=self.trading_state(child.plan.strategy) is TradingState.ACTIVE,
                on_death=DeathPolicy(child.plan.on_death),
            )
            for child in self._floor.of_kind(ProcessKind.STRATEGY)
            if not child.is_out
        ]

    # --- trading states -----------------------------------------------------------------------------------------

    def stage(self, subject: str) -> Stage:
        """How far a strategy, or the cluster (empty), is tightened."""
        strictness = self._strictness.get(subject)
        return Stage.NORMAL if strictness is None else strictness.state

    def trading_state(self, strategy: str) -> TradingState:
        """What holds for a strategy, by itself and as part of the cluster; the gateways' own states aside."""
        return strictest(self.stage(strategy).trading_state, self.cluster_state)

    @property
    def cluster_state(self) -> TradingState:
        """What holds for everybody."""
        return TradingState.HALTED if self._floor.run.is_halted else self.stage(CLUSTER).trading_state

    def tighten(self, subject: str, to: Stage, why: str) -> bool:
        """Demand at least this stage of a strategy, or of the cluster. True where it was not in force."""
        if to.rank > self.stage(subject).rank and to.trading_state is not TradingState.ACTIVE:
            self.before_tighten(subject)
        changes = self._strictness.setdefault(subject, Strictness()).on_message(Tighten(to, why))
        for change in changes:
            assert isinstance(change, Changed)
            if subject or change.stage not in _HALTS:  # the halt is saved together with what led to it
                self._floor.save()
            self._enforce(subject, change)
        return bool(changes)

    def ease(self, subject: str) -> None:
        """What led to a warning is over."""
        if self.stage(subject) is Stage.WARNED:
            self._strictness.pop(subject).on_message(Eased())
            self._floor.log("info", "risk warning is over", subject=subject or "the cluster")

    def halt_as_remembered(self) -> None:
        """Halt where a rule demands it and nobody is halted: an earlier supervisor died in between."""
        stage = self.stage(CLUSTER)
        if stage in _HALTS and not self._floor.run.is_halted:
            self._floor.halt(self._strictness[CLUSTER].why, is_flattening=stage is Stage.FLATTENED)

    def greet(self, child: Child) -> None:
        """A gateway has become ready, or has come back: tell it which states are in force.

        That the cluster is free is told as well: it may have been away when a restriction ended.
        """
        if child.kind is not ProcessKind.GATEWAY:
            return
        for subject in self._strictness:
            if self.stage(subject).trading_state is not TradingState.ACTIVE:
                self._tell_state(child, subject)
        if self.cluster_state is TradingState.ACTIVE:
            self._tell(child, CLUSTER, TradingState.ACTIVE, "no rule restricts the cluster")

    def _enforce(self, subject: str, change: Changed) -> None:
        floor = self._floor
        name = subject or "the cluster"
        floor.alert(f"{name} is {change.stage.value}: {change.why}")
        if change.stage is Stage.WARNED:
            return
        if not subject and change.stage in _HALTS:
            floor.halt(change.why, is_flattening=change.stage is Stage.FLATTENED)
            return
        for gateway in self._gateways:
            self._tell_state(gateway, subject)
        if subject and change.stage is Stage.FLATTENED:
            self.flatten(subject)

    @property
    def _gateways(self) -> list[Child]:
        return [child for child in self._floor.of_kind(ProcessKind.GATEWAY) if child.is_alive]

    def _tell_state(self, gateway: Child, subject: str) -> None:
        strictness = self._strictness[subject]
        state = strictness.state.trading_state
        if subject or state is not TradingState.HALTED:  # that is the kill switch, of which the floor tells
            self._tell(gateway, subject, state, strictness.why)

    def _tell(self, gateway: Child, subject: str, state: TradingState, why: str) -> None:
        """Tell a state in place of the one told before, which is not said again."""
        floor = self._floor
        floor.pending.withdraw(SetTradingState, child=gateway.name, strategy=subject)
        floor.tell(gateway, SetTradingState(floor.command_id("state"), subject, state, why))

    # --- what the operator asks ---------------------------------------------------------------------------------

    def limit(self, path: str) -> Decimal | None:
        """The limit at a path of `[risk]`; None where none is set.

        :raises UnknownLimit: no limit could be set there.
        """
        try:
            found = limit_at(self._limited(path), path)
        except ValueError as error:
            raise UnknownLimit(str(error)) from None
        self._check_names(path)
        return found

    def set_limit(self, path: str, value: Decimal) -> None:
        """Let a limit hold from now on; the caller remembers it.

        :raises UnknownLimit: as for `limit`, or it cannot have this value.
        """
        try:
            changed = with_limit(self._limited(path), path, value)
        except ValueError as error:
            raise UnknownLimit(str(error)) from None
        self._check_names(path)
        self.config = changed
        self.leases.change_limits(Limits(self.config, self.instruments))

    def set_priority(self, strategy: str, priority: int) -> None:
        """Priorities are read from the plans of the strategies, at each grant."""

    def on_resumed(self, subject: str) -> None:
        """The operator lets a strategy, or the cluster (empty), trade on: losses are measured from here."""
        floor, strictness = self._floor, self._strictness.pop(subject, None)
        if strictness is not None and strictness.state is not Stage.NORMAL:
            before = strictness.state
            strictness.on_message(Resumed())
            self.monitor.resumed(subject)
            floor.audit("risk-resumed", subject, stage=before.value)
            floor.pending.withdraw(SetTradingState, strategy=subject)
            floor.save()
        if not subject:  # a gateway may have been away when an earlier restriction ended
            for gateway in self._gateways:
                self._tell(gateway, CLUSTER, TradingState.ACTIVE, "the operator resumed")

    def _check_names(self, path: str) -> None:
        """:raises UnknownLimit: the path names what the cluster has not: it would hold nobody back."""
        for section, name in names_in(path):
            known = self._names(section)
            if name not in known:
                mistake = Mistake(path, f"there is no {name}", one_of(known), nearest_name(name, known))
                raise UnknownLimit(str(mistake))

    def _names(self, section: str) -> set[str]:
        """What a table of `[risk]` may be about; who was removed may hold something still."""
        if section == "instruments":
            return set(self.instruments)
        if section == "assets":
            return {item.base for item in self.instruments.values()}
        if section == "venues":
            return {child.name for child in self._floor.of_kind(ProcessKind.GATEWAY)}
        strategies = {child.plan.strategy for child in self._floor.of_kind(ProcessKind.STRATEGY)}
        holders = {key.strategy for key in self.positions.book.held}
        return strategies | holders | (self.config.strategies.keys() if self.config else set())

    def _limited(self, path: str) -> RiskConfig:
        if self.config is None:
            raise UnknownLimit(f"no limit {path}: the config of this cluster has no [risk]")
        return self.config

    # --- looking around -----------------------------------------------------------------------------------------

    def limit_uses(self) -> tuple[LimitUse, ...]:
        """Every limit with what is held of it."""
        return self.leases.limit_uses()

    def record(self) -> RiskRecord:
        """What must be remembered."""
        states = {
            subject: StateRecord(strictness.state.value, strictness.why)
            for subject, strictness in self._strictness.items()
            if strictness.state is not Stage.NORMAL
        }
        return RiskRecord(
            gateways=self.leases.records(),
            marks=dict(self.valuation.marks),
            states=states,
            losses=dict(self.monitor.records),
        )


def _instruments(floor: Floor) -> dict[str, Instrument]:
    specs = [child.plan.spec for child in floor.of_kind(ProcessKind.GATEWAY)]
    return {item.id: item for spec in specs if isinstance(spec, GatewaySpec) for item in spec.instruments}


def _changed(config: RiskConfig | None, floor: Floor) -> RiskConfig | None:
    """The config with the limits that the operator has set while the cluster ran, as far as they still fit.

    One may fit only after another: tiers of losses that were lowered together, the lowest first. So each is tried again
    until a whole pass has changed nothing.
    """
    missing, errors = dict(floor.limits), dict[str, str]()
    while config is not None and missing:
        errors = {}
        for path, value in missing.items():
            try:
                config = with_limit(config, path, value)
            except ValueError as error:
                errors[path] = str(error)
        if len(errors) == len(missing):
            break
        missing = {path: missing[path] for path in errors}
    for path, value in missing.items():
        why = errors.get(path, "there is no [risk]")
        floor.alert(f"{path} = {value:f}, as the operator had set it, does not hold any more: {why}; set it again")
    return config
