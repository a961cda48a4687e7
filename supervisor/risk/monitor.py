"""Looks at losses and oddities once a second, and at what gateways tell of them at once; and says what follows. Pure.

Every decision is entered into the audit with what it was made from.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from traceback import format_exc
from typing import Any, Final, Protocol

from actors.runtime.spec import HostSpec
from messages.from_child import DropCopy, ProcessKind
from messages.instruments import Instrument
from messages.risk import PositionMismatch
from supervisor.children import Child
from supervisor.config.risk import LossLimits, RiskAction, RiskConfig, StrategyLimits
from supervisor.floor import Floor
from supervisor.ledger.holding import PositionKey
from supervisor.risk import losses, rules
from supervisor.risk.booked import booked_positions
from supervisor.risk.cross_check import CrossCheck, Difference
from supervisor.risk.exposures import Exposures, exposures
from supervisor.risk.lease_desk import LeaseDesk
from supervisor.risk.profits import CLUSTER, Profits
from supervisor.risk.records import LossRecord
from supervisor.risk.stages import Stage
from supervisor.risk.valuation import Valuation
from supervisor.risk.watch import Finding, Watch

NS_PER_S: Final = 1_000_000_000
NS_PER_DAY: Final = 86_400 * NS_PER_S
SAVE_NS: Final = 30 * NS_PER_S
"""What losses are measured from is on the disk after this at the latest."""
UNMEASURED_NS: Final = 10 * NS_PER_S
"""Losses that cannot be measured for so long are told of."""
TOLD_AGAIN_NS: Final = 600 * NS_PER_S
"""What is wrong with looking at a subject, and stays so, is told again after this."""

_STAGES: Final = {
    RiskAction.REDUCING: Stage.REDUCING,
    RiskAction.HALT: Stage.HALTED,
    RiskAction.FLATTEN: Stage.FLATTENED,
}


def traded_by(child: Child) -> tuple[Instrument, ...]:
    """What a strategy trades, wherever."""
    return child.plan.spec.instruments if isinstance(child.plan.spec, HostSpec) else ()


class Ruler(Protocol):
    """Who may tighten."""

    def stage(self, subject: str) -> Stage: ...

    def tighten(self, subject: str, to: Stage, why: str) -> bool: ...

    def ease(self, subject: str) -> None: ...


class Monitor:
    """:param config: what holds now; None: nothing is watched.
    :param positions: by the drop copies, and where their gateways contradict.
    :ivar records: what losses are measured from, by strategy; the empty name is the portfolio.
    """

    def __init__(
        self,
        *,
        floor: Floor,
        positions: CrossCheck,
        ruler: Ruler,
        leases: LeaseDesk,
        valuation: Valuation,
        instruments: Mapping[str, Instrument],
        config: Callable[[], RiskConfig | None],
        records: Mapping[str, LossRecord],
    ) -> None:
        self._floor = floor
        self._positions = positions
        self._ruler = ruler
        self._leases = leases
        self._valuation = valuation
        self._instruments = instruments
        self._config = config
        self._watch = Watch()
        self._saved_ns = 0
        self._mismatched: set[str] = set()
        self._unmeasured_ns: dict[str, int] = {}
        self._told_ns: dict[tuple[str, str], int] = {}
        self.records = dict(records)
        self._profits = Profits(
            floor, positions, valuation, instruments, records=self.records, on_moved=self._watch.profits.forget
        )

    def look(self, wall_ns: int) -> None:
        """A second has passed.

        :param wall_ns: since the epoch, for the day that losses belong to.
        """
        config, now_ns = self._config(), self._floor.now_ns
        if config is None:
            return
        day, subjects = wall_ns // NS_PER_DAY, self._profits.subjects()
        for subject in subjects:
            self._guarded(subject, partial(self._measure, subject, day))
        self._profits.add_up(day)
        for subject in list(self.records):
            self._guarded(subject, partial(self._judge_losses, config, subject))
        self._watch.priced(self._leases.uses(), now_ns)
        for subject in subjects:
            self._guarded(subject, partial(self._act_on, self._oddities(config, subject)))
        self._guarded(CLUSTER, partial(self._act_on, self._mismatches(config)))
        self._guarded(CLUSTER, partial(self._act_on, self._of_cluster(config)))
        self._end_mismatches()
        self._tell_missing()
        if now_ns - self._saved_ns >= SAVE_NS:
            self._saved_ns = now_ns
            self._floor.save()

    def copied(self, copy: DropCopy) -> None:
        """A gateway tells what it has journaled."""
        self._watch.copied(copy)

    def mismatched(self, mismatch: PositionMismatch) -> None:
        """A gateway's books and its venue differ: a finding about everybody who trades there what differs."""
        config, text = self._config(), rules.position_mismatch(mismatch)
        named = self._instruments.get(mismatch.instrument)
        subjects = [
            child.plan.strategy
            for child in self._floor.of_kind(ProcessKind.STRATEGY)
            for traded in traded_by(child)
            if traded.venue == mismatch.process
            and (traded == named or (named is None and traded.base == mismatch.instrument))
        ]
        if config is None or not subjects:
            self._floor.alert(text, process=mismatch.process)
            return
        for subject in dict.fromkeys(subjects):
            self._act(Finding("position_mismatch", config.rules.position_mismatch, subject, text))

    def resumed(self, subject: str) -> None:
        """The operator lets it trade on: what was before does not count any more."""
        self._watch.forget(subject)
        if subject in self.records:
            self.records[subject] = losses.restarted(self.records[subject])

    def exposures(self) -> Exposures:
        """What is held now."""
        return exposures(self._leases.uses(), self._instruments, self._valuation.value_now)

    # --- losses -------------------------------------------------------------------------------------------------

    def _measure(self, strategy: str, day: int) -> None:
        """Take what it has sent, what was refused and what it has earned: each whether or not the others are known."""
        now_ns, status = self._floor.now_ns, self._profits.word(strategy)
        self._watch.rejects.add(strategy, now_ns, Decimal(self._watch.rejected[strategy]))
        if status is not None:
            self._watch.orders.add(strategy, now_ns, Decimal(status.orders))
        profit = self._profits.measure(strategy, day)
        if profit is not None:
            self._watch.profits.add(strategy, now_ns, profit)
        self._tell_unmeasured(strategy)

    def _tell_unmeasured(self, strategy: str) -> None:
        why, now_ns = self._profits.missing.get(strategy), self._floor.now_ns
        if why is None:
            self._unmeasured_ns.pop(strategy, None)
        elif now_ns - self._unmeasured_ns.setdefault(strategy, now_ns) >= UNMEASURED_NS:
            self._tell_rarely("unmeasured", strategy, f"losses of {strategy} cannot be measured: {why}")

    def _judge_losses(self, config: RiskConfig, subject: str) -> None:
        limits: LossLimits = config.strategies.get(subject, StrategyLimits()) if subject else config.portfolio
        record, now = self.records[subject], self._ruler.stage(subject)
        found = losses.verdict(limits, record, config.reporting_currency)
        if found.stage.rank > now.rank:
            held = booked_positions(self._positions.book, subject, self._instruments)
            inputs = {"limits": limits, "measured": record, "positions": held}
            self._audit("loss-tier", subject, found.stage.value, found.why, **inputs)
            self._ruler.tighten(subject, found.stage, found.why)
        elif now is Stage.WARNED and losses.is_eased(limits, record):
            self._ruler.ease(subject)

    # --- oddities -----------------------------------------------------------------------------------------------

    def _of_cluster(self, config: RiskConfig) -> Iterator[Finding]:
        held = {name: exposure.gross for name, exposure in self.exposures().assets.items()}
        text = rules.concentration(config.rules.concentration, held, config.reporting_currency)
        if text is not None:
            yield Finding("concentration", config.rules.concentration, CLUSTER, text)
        text = rules.limit_passed(self._leases.limit_uses())
        if text is not None:
            yield Finding("limit_passed", config.rules.limit_passed, CLUSTER, text)

    def _oddities(self, config: RiskConfig, strategy: str) -> Iterator[Finding]:
        for name, text in self._judged(config, strategy):
            if text is not None:
                yield Finding(name, getattr(config.rules, name), strategy, text)

    def _judged(self, config: RiskConfig, strategy: str) -> Iterator[tuple[str, str | None]]:
        told, watch, now_ns = config.rules, self._watch, self._floor.now_ns
        profits = watch.profits.of(strategy, now_ns, told.pnl_jump.window_s)
        yield "pnl_jump", rules.pnl_jump(told.pnl_jump, profits, config.reporting_currency)
        rejects = watch.rejects.of(strategy, now_ns, told.reject_burst.window_s)
        yield "reject_burst", rules.reject_burst(told.reject_burst, rejects)
        orders = watch.orders.of(strategy, now_ns, told.order_storm.window_s)
        yield "order_storm", rules.order_storm(told.order_storm, orders)
        yield "stale_feed", rules.stale_feed(told.stale_feed, watch.stale_since(strategy), now_ns)
        for gateway in self._floor.telemetry.gateway_statuses.values():
            measured = gateway.tick_to_order.get(strategy)
            if measured is not None:
                yield "latency", rules.latency(told.latency, measured)

    def _mismatches(self, config: RiskConfig) -> Iterator[Finding]:
        """Of each strategy, where the book of the drop copies and its gateways have differed for long."""
        by_strategy: defaultdict[str, dict[PositionKey, Difference]] = defaultdict(dict)
        for key, found in self._positions.lasting(self._floor.now_ns).items():
            by_strategy[key.strategy][key] = found
        for strategy, differences in sorted(by_strategy.items()):
            self._mismatched.add(strategy)
            text = rules.book_mismatch(differences)
            yield Finding("position_mismatch", config.rules.position_mismatch, strategy, text)

    def _end_mismatches(self) -> None:
        """Tell which strategies' positions agree again; what was restricted for it stays so."""
        for strategy in sorted(self._mismatched - {key.strategy for key in self._positions.differences}):
            self._mismatched.discard(strategy)
            self._watch.forget_finding("position_mismatch", strategy)
            held = booked_positions(self._positions.book, strategy, self._instruments)
            self._floor.audit("position-mismatch-over", strategy, positions=held)
            self._floor.log("info", "drop copy and gateway agree again on what is held", strategy=strategy)

    def _tell_missing(self) -> None:
        for gateway, (booked, recorded) in self._positions.far_behind(self._floor.now_ns).items():
            text = f"the drop copy of {gateway} has come to record {booked} of {recorded} and does not go on"
            self._floor.alert(f"{text}; its gateway's word counts beside it", process=gateway)

    def _act_on(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._guarded(finding.subject, partial(self._act, finding))

    def _act(self, finding: Finding) -> None:
        action = finding.rule.action
        known = {CLUSTER, *(child.plan.strategy for child in self._floor.of_kind(ProcessKind.STRATEGY))}
        if finding.subject not in known and action is not RiskAction.OFF:
            action = RiskAction.ALERT  # there is nobody to be restricted
        if action is RiskAction.OFF or not self._watch.is_news(finding, self._floor.now_ns):
            return
        who = finding.subject or "the cluster"
        self._audit(finding.rule_name, finding.subject, action.value, finding.text, rule=finding.rule)
        stage = _STAGES.get(action)
        if stage is None:
            self._floor.alert(f"{who}: {finding.text}")
        elif not self._ruler.tighten(finding.subject, stage, finding.text):
            self._floor.alert(f"{who} is {self._ruler.stage(finding.subject).value} already, and: {finding.text}")

    def _guarded(self, subject: str, step: Callable[[], None]) -> None:
        """Do one step of a look. What fails for one subject is told, and keeps nobody from judging the others."""
        try:
            step()
        except Exception as error:  # noqa: BLE001  # whatever it is, everybody else is to be judged
            self._floor.log("error", "a look at risk failed", subject=subject, traceback=format_exc())
            text = f"risk of {subject or 'the cluster'} cannot be judged: {error!r}; see the supervisor's log"
            self._tell_rarely("failed", subject, text)

    def _tell_rarely(self, kind: str, subject: str, text: str) -> None:
        now_ns, told_ns = self._floor.now_ns, self._told_ns.get((kind, subject))
        if told_ns is None or now_ns - told_ns >= TOLD_AGAIN_NS:
            self._told_ns[kind, subject] = now_ns
            self._floor.alert(text, process=subject)

    def _audit(self, kind: str, subject: str, action: str, why: str, **inputs: Any) -> None:  # Any: of any rule
        held = self.exposures()
        self._floor.audit(
            kind, subject, action=action, why=why, exposure=held.portfolio._asdict(), unvalued=list(held.unvalued),
            **inputs,
        )  # fmt: skip
