"""Looks at losses and oddities once a second, and at what gateways tell of them at once; and says what follows. Pure.

Every decision is entered into the audit with what it was made from.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

import msgspec

from actors.runtime.spec import HostSpec
from messages.from_child import DropCopy, ProcessKind
from messages.health import Lifecycle, StrategyStatus
from messages.instruments import Instrument
from messages.risk import PositionMismatch
from supervisor.children import Child
from supervisor.config.risk import LossLimits, RiskAction, RiskConfig, StrategyLimits
from supervisor.floor import Floor
from supervisor.ledger.holding import PositionKey
from supervisor.risk import losses, rules
from supervisor.risk.booked import booked_positions, booked_profit
from supervisor.risk.cross_check import CrossCheck, Difference
from supervisor.risk.exposures import Exposures, exposures
from supervisor.risk.lease_desk import LeaseDesk
from supervisor.risk.records import LossRecord
from supervisor.risk.stages import Stage
from supervisor.risk.valuation import Valuation
from supervisor.risk.watch import Finding, Watch

NS_PER_S: Final = 1_000_000_000
NS_PER_DAY: Final = 86_400 * NS_PER_S
SAVE_NS: Final = 30 * NS_PER_S
"""What losses are measured from is on the disk after this at the latest."""
CLUSTER: Final = ""
"""The subject that stands for all strategies together."""
ZERO: Final = Decimal(0)

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
        self.records = dict(records)

    def look(self, wall_ns: int) -> None:
        """A second has passed.

        :param wall_ns: since the epoch, for the day that losses belong to.
        """
        config, now_ns = self._config(), self._floor.now_ns
        if config is None:
            return
        self._measure(wall_ns // NS_PER_DAY)
        for subject in list(self.records):
            self._judge_losses(config, subject)
        self._watch.priced(self._leases.uses(), now_ns)
        for finding in self._findings(config):
            self._act(finding)
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

    def _measure(self, day: int) -> None:
        for status in self._statuses():
            told = self._profit(status)
            if told is None:
                continue
            if status.id not in self.records and CLUSTER in self.records:
                self.records[CLUSTER] = losses.joined(self.records[CLUSTER], told)
            if status.id not in self.records:
                self.records[status.id] = losses.measured(None, told, day)
            profit = self._judged_profit(status.id, told)
            self.records[status.id] = losses.measured(self.records[status.id], profit, day)
            self._watch.profits.add(status.id, self._floor.now_ns, profit)
            self._watch.orders.add(status.id, self._floor.now_ns, Decimal(status.orders))
            self._watch.rejects.add(status.id, self._floor.now_ns, Decimal(self._watch.rejected[status.id]))
        total = sum((record.last for name, record in self.records.items() if name), ZERO)
        if self.records:
            self.records[CLUSTER] = losses.measured(self.records.get(CLUSTER), total, day)

    def _statuses(self) -> Iterator[StrategyStatus]:
        """The last words of those whose books are complete."""
        for child in self._floor.of_kind(ProcessKind.STRATEGY):
            status = self._floor.telemetry.strategy_statuses.get(child.name)
            if status is not None and status.lifecycle not in {Lifecycle.STARTING, Lifecycle.RECOVERING}:
                yield status

    def _judged_profit(self, strategy: str, told: Decimal) -> Decimal:
        """What losses are measured by: the profit by the drop copies, where they can tell.

        :param told: by the strategy.
        """
        booked = booked_profit(self._positions.book, strategy, self._instruments, self._valuation)
        is_sound = self._positions.is_sound(strategy)
        if booked is not None and is_sound:
            self.records[strategy], moved = losses.booked(self.records[strategy], booked, told)
            if moved:
                self.records[CLUSTER] = losses.shifted(self.records.get(CLUSTER, LossRecord()), moved)
                self._watch.profits.forget(strategy)
        return losses.profit_by(self.records[strategy], booked, told, is_sound=is_sound)

    def _profit(self, status: StrategyStatus) -> Decimal | None:
        """In the reporting currency; None where a currency's worth is not known."""
        total = ZERO
        for pnl in status.pnls:
            if not pnl.total:
                continue
            rate = self._valuation.rate(pnl.currency)
            if rate is None:
                return None
            total += pnl.total * rate
        return total

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

    def _findings(self, config: RiskConfig) -> Iterator[Finding]:
        for status in self._statuses():
            for name, text in self._oddities(config, status.id):
                if text is not None:
                    yield Finding(name, getattr(config.rules, name), status.id, text)
        yield from self._mismatches(config)
        held = {name: exposure.gross for name, exposure in self.exposures().assets.items()}
        text = rules.concentration(config.rules.concentration, held, config.reporting_currency)
        if text is not None:
            yield Finding("concentration", config.rules.concentration, CLUSTER, text)
        text = rules.limit_passed(self._leases.limit_uses())
        if text is not None:
            yield Finding("limit_passed", config.rules.limit_passed, CLUSTER, text)

    def _oddities(self, config: RiskConfig, strategy: str) -> Iterator[tuple[str, str | None]]:
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
        known = {child.plan.strategy for child in self._floor.of_kind(ProcessKind.STRATEGY)}
        for strategy, differences in sorted(by_strategy.items()):
            rule = config.rules.position_mismatch
            if strategy not in known and rule.action is not RiskAction.OFF:
                rule = msgspec.structs.replace(rule, action=RiskAction.ALERT)  # there is nobody to be restricted
            self._mismatched.add(strategy)
            yield Finding("position_mismatch", rule, strategy, rules.book_mismatch(differences))

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

    def _act(self, finding: Finding) -> None:
        action = finding.rule.action
        if action is RiskAction.OFF or not self._watch.is_news(finding, self._floor.now_ns):
            return
        who = finding.subject or "the cluster"
        self._audit(finding.rule_name, finding.subject, action.value, finding.text, rule=finding.rule)
        stage = _STAGES.get(action)
        if stage is None:
            self._floor.alert(f"{who}: {finding.text}")
        elif not self._ruler.tighten(finding.subject, stage, finding.text):
            self._floor.alert(f"{who} is {self._ruler.stage(finding.subject).value} already, and: {finding.text}")

    def _audit(self, kind: str, subject: str, action: str, why: str, **inputs: Any) -> None:  # Any: of any rule
        held = self.exposures()
        self._floor.audit(
            kind, subject, action=action, why=why, exposure=held.portfolio._asdict(), unvalued=list(held.unvalued),
            **inputs,
        )  # fmt: skip
