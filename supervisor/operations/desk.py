"""The operator's desk: every request is answered at once, done once, and what takes longer becomes a job. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from messages.from_child import ProcessKind
from messages.health import ClusterStatus, ProcessState, StrategyStatus
from messages.operator import (
    AddStrategyRequest,
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    FromOperator,
    HaltRequest,
    SetLimitRequest,
    SetParameterRequest,
    SetPriorityRequest,
    StopRequest,
    StrategyAction,
    StrategyActionRequest,
    ToOperator,
    UnhaltRequest,
)
from messages.risk import TradingState
from supervisor.children import Child
from supervisor.closing import Closing
from supervisor.config.mistakes import nearest_name
from supervisor.config.risk import is_raised
from supervisor.floor import Floor
from supervisor.operations import consequences
from supervisor.operations.answers import Answers
from supervisor.operations.confirmations import Confirmations
from supervisor.operations.job_board import JobBoard
from supervisor.operations.planner import Unfit
from supervisor.operations.risk_port import RiskPort, UnknownLimit
from supervisor.registry import Answer, JobRecord, Standing

NS_PER_S: Final = 1_000_000_000
ADDED_MAX: Final = 32
"""Strategies in one request to add some."""

_CONFIRMED: Final[Mapping[StrategyAction, Callable[[StrategyStatus, str], str]]] = {
    StrategyAction.STOP: consequences.of_stop,
    StrategyAction.FLATTEN: consequences.of_flatten,
    StrategyAction.REMOVE: consequences.of_remove,
}


class Desk:
    """What is asked of one cluster.

    :param status: of the cluster as it is now.
    """

    def __init__(self, floor: Floor, closing: Closing, risk: RiskPort, status: Callable[[], ClusterStatus]) -> None:
        self._floor = floor
        self._closing = closing
        self._risk = risk
        self._status = status
        self._answers = Answers()
        self._confirmations = Confirmations()
        self.board = JobBoard(floor, risk, self._finished)

    def restore(self, *, is_halted_anew: bool = False) -> None:
        """Go on with what an earlier incarnation of the supervisor was asked; see `JobBoard.restore`."""
        self._answers = Answers(self._floor.answers)
        self.board.restore(is_halted_anew=is_halted_anew)

    def ask(self, request: FromOperator) -> ToOperator:
        """Answer a request; a repeated one in the same way, or with how far it is."""
        known = self._answers.find(request.command_id) or self.board.progress(request.command_id)
        if known is not None:
            return known
        if self._closing.is_begun and not isinstance(request, HaltRequest | StopRequest):
            return CommandRefused(
                request.command_id, f"the cluster is {self._closing.phase}; nothing is changed any more"
            )
        reply = _REQUESTS[type(request)](self, request)
        ended = self._answers.find(request.command_id)  # of a job that was done at once
        if ended is None and self.board.progress(request.command_id) is None:
            self._keep(reply)
        return ended or reply

    # --- the whole cluster --------------------------------------------------------------------------------------

    def _halt(self, request: HaltRequest) -> ToOperator:
        self._floor.audit("halt", reason=request.reason, is_flattening=request.is_flattening)
        self._floor.halt(request.reason, is_flattening=request.is_flattening)
        flat = " and positions are closed" if request.is_flattening else ""
        return CommandAccepted(request.command_id, f"halting: working orders are cancelled and new ones denied{flat}")

    def _unhalt(self, request: UnhaltRequest) -> ToOperator:
        floor, status = self._floor, self._status()
        if status.trading_state is TradingState.REDUCING:
            return self._end_reducing(request, status.cluster)
        are_gateways_halted = any(gateway.is_halted for gateway in status.gateways)
        if not floor.run.is_halted and not are_gateways_halted and not self._waits_for_resume():
            return CommandFinished(request.command_id, is_ok=True, text=f"{status.cluster} is not halted")
        if not self._is_confirmed(("unhalt",), request.token):
            since_ns = floor.run.halted_ns
            halted_s = None if since_ns is None else max(0, floor.now_ns - since_ns) / NS_PER_S
            paused = [child.name for child in floor.of_kind(ProcessKind.STRATEGY) if floor.wish(child.name).is_paused]
            elsewhere = "at the gateways alone" if are_gateways_halted else "ended, and not all strategies know of it"
            reason = floor.run.halt_reason or elsewhere
            text = consequences.of_unhalt(status, reason, halted_s, paused)
            return self._confirm(request.command_id, ("unhalt",), text)
        floor.audit("unhalt", reason=request.reason)
        return self.board.begin(JobRecord(action="unhalt", strategy="", command_ids=(request.command_id,)))

    def _waits_for_resume(self) -> bool:
        """Whether a strategy that could trade on has not heard yet that a halt is over: gateways did not answer."""
        floor = self._floor
        children = floor.of_kind(ProcessKind.STRATEGY)
        return any(child.is_ready and child.owes_resume and not floor.wish(child.name).is_paused for child in children)

    def _end_reducing(self, request: UnhaltRequest, cluster: str) -> ToOperator:
        """A risk rule has left the whole cluster nothing but to reduce."""
        if not self._is_confirmed(("unhalt",), request.token):
            text = f"{cluster} only reduces, by a risk rule: what raises an exposure passes again"
            return self._confirm(request.command_id, ("unhalt",), text)
        self._floor.audit("unhalt", reason=request.reason)
        self._risk.on_resumed("")
        return CommandFinished(request.command_id, is_ok=True, text=f"{cluster} trades on")

    def _stop_cluster(self, request: StopRequest) -> ToOperator:
        self._floor.audit("stop", is_forced=request.is_forced)
        if request.is_forced:
            self._closing.force()
            text = "everything is killed"
        elif self._closing.is_begun:
            text = f"stopping already: {self._closing.phase}"
        else:
            self._closing.begin("the operator asked")
            text = "stopping: orders are cancelled, then strategies, gateways and venues stop"
        return CommandAccepted(request.command_id, text)

    # --- one strategy -------------------------------------------------------------------------------------------

    def _act(self, request: StrategyActionRequest) -> ToOperator:
        child, action = self._strategy(request.strategy), request.action
        if child is None:
            return self._unknown(request.command_id, request.strategy)
        settled = self._needless(child, action)
        if settled is not None:
            return CommandFinished(request.command_id, is_ok=True, text=settled)
        refusal = self._refusal(child, action)
        if refusal is not None:
            return CommandRefused(request.command_id, refusal)
        subject = (action, child.name)
        if action in _CONFIRMED and not self._is_confirmed(subject, request.token):
            return self._confirm(request.command_id, subject, self._consequences(child, action))
        self._floor.audit(action.value, child.name)
        return self.board.begin(JobRecord(action=action.value, strategy=child.name, command_ids=(request.command_id,)))

    def _needless(self, child: Child, action: StrategyAction) -> str | None:
        """Why there is nothing to do; None where there is."""
        if action is StrategyAction.START and child.state is ProcessState.RUNNING:
            return f"{child.name} runs already"
        if action is StrategyAction.STOP and child.is_out and not child.is_alive:
            return f"{child.name} is {child.state.value} already"
        if action is StrategyAction.PAUSE and self.board.is_flattened_by_rule(child.name):
            return f"{child.name} is being flattened by a risk rule, and stays paused after that"
        return None

    def _refusal(self, child: Child, action: StrategyAction) -> str | None:
        floor, name = self._floor, child.name
        if action is StrategyAction.RESUME and floor.run.is_halted:
            return (
                f"{name} cannot trade on: the cluster is halted ({floor.run.halt_reason}); `outcry unhalt` comes first"
            )
        if action in {StrategyAction.PAUSE, StrategyAction.RESUME} and child.is_out:
            return f"{name} is {child.state.value}; `outcry start {name}` starts it again"
        return self.board.obstacle(child, action.value)

    def _consequences(self, child: Child, action: StrategyAction) -> str:
        status = next(item for item in self._status().strategies if item.id == child.name)
        return _CONFIRMED[action](status, consequences.held_in_words(status, self._floor.telemetry.held(child.name)))

    # --- tuning -------------------------------------------------------------------------------------------------

    def _set_parameters(self, request: SetParameterRequest) -> ToOperator:
        child = self._strategy(request.strategy)
        if child is None:
            return self._unknown(request.command_id, request.strategy)
        obstacle = self.board.obstacle(child, "set")
        if obstacle is not None:
            return CommandRefused(request.command_id, obstacle)
        self._floor.audit("set", child.name, changes=dict(request.changes))
        return self.board.begin(
            JobRecord(
                action="set", strategy=child.name, command_ids=(request.command_id,), changes=dict(request.changes)
            )
        )

    def _set_priority(self, request: SetPriorityRequest) -> ToOperator:
        child = self._strategy(request.strategy)
        if child is None:
            return self._unknown(request.command_id, request.strategy)
        before = child.plan.priority
        self._floor.audit("priority", child.name, before=before, after=request.priority)
        self._floor.stand(child.name, priority=request.priority)
        child.plan = msgspec.structs.replace(child.plan, priority=request.priority)
        self._risk.set_priority(child.name, request.priority)
        return CommandFinished(
            request.command_id, is_ok=True, text=f"{child.name} has priority {request.priority}, after {before}"
        )

    def _set_limit(self, request: SetLimitRequest) -> ToOperator:
        path, value = request.limit, request.value
        try:
            current = self._risk.limit(path)
        except UnknownLimit as error:
            return CommandRefused(request.command_id, str(error))
        subject = ("limit", path, value)
        if is_raised(path, current, value) and not self._is_confirmed(subject, request.token):
            text = f"{path} is raised from {current:f} to {value:f}: more may be held from then on"
            if not value:
                text = f"{path} was {current:f}, and 0 is no bound at all"
            return self._confirm(request.command_id, subject, text)
        self._floor.audit("limit", path, before=str(current), after=str(value))
        try:
            self._risk.set_limit(path, value)
        except UnknownLimit as error:
            return CommandRefused(request.command_id, str(error))
        self._floor.limits[path] = value
        before = "no limit" if current is None else f"{current:f}"
        return CommandFinished(request.command_id, is_ok=True, text=f"{path} is {value:f}, after {before}")

    def _add(self, request: AddStrategyRequest) -> ToOperator:
        floor = self._floor
        try:
            names = floor.planner.names_in(request.table)
            plans = floor.planner.strategies({**floor.standing, **self._added(names, request.table)}, added=names)
        except Unfit as error:
            return CommandRefused(request.command_id, str(error))
        floor.audit("add", strategies=list(names))
        floor.standing.update(self._added(names, request.table))
        for name in names:
            floor.hire(plans[name])
            self.board.begin(JobRecord(action="start", strategy=name, command_ids=(request.command_id,)))
        return CommandAccepted(request.command_id, f"{', '.join(names)}: the processes start")

    def _added(self, names: tuple[str, ...], table: str) -> dict[str, Standing]:
        """:raises Unfit: there are too many, or one is of the cluster already."""
        taken = [name for name in names if name in self._floor.children]
        if taken:
            raise Unfit(f"{', '.join(taken)}: of this cluster already; give it another id, or remove the other first")
        if len(names) > ADDED_MAX:
            raise Unfit(f"{len(names)} strategies at once are too many; expected at most {ADDED_MAX}")
        return {name: Standing(table=table) for name in names}

    # --- helpers ------------------------------------------------------------------------------------------------

    def _strategy(self, name: str) -> Child | None:
        child = self._floor.children.get(name)
        return child if child is not None and child.kind is ProcessKind.STRATEGY else None

    def _unknown(self, command_id: str, name: str) -> CommandRefused:
        names = [child.name for child in self._floor.of_kind(ProcessKind.STRATEGY)]
        nearest = nearest_name(name, names)
        hint = f"did you mean {nearest}?" if nearest else f"there are: {', '.join(names) or 'none'}"
        return CommandRefused(command_id, f"no strategy {name}; {hint}")

    def _is_confirmed(self, subject: tuple[object, ...], token: str) -> bool:
        return bool(token) and self._confirmations.redeem(subject, token, self._floor.now_ns)

    def _confirm(self, command_id: str, subject: tuple[object, ...], text: str) -> ConfirmationNeeded:
        floor = self._floor
        return ConfirmationNeeded(command_id, self._confirmations.offer(subject, floor.now_ns, floor.random), text)

    def _keep(self, reply: ToOperator) -> None:
        """Remember an answer over the death of the supervisor."""
        if isinstance(reply, CommandFinished):
            answer = Answer(command_id=reply.command_id, outcome="done" if reply.is_ok else "failed", text=reply.text)
        elif isinstance(reply, CommandAccepted | CommandRefused):
            outcome: Any = "refused" if isinstance(reply, CommandRefused) else "accepted"
            answer = Answer(command_id=reply.command_id, outcome=outcome, text=reply.text)
        else:
            return
        self._answers.keep(answer)
        self._floor.answers = self._answers.all
        self._floor.save()

    def _finished(self, command_id: str, text: str, *, is_ok: bool) -> None:
        """A job has ended that this command had asked for."""
        self._keep(CommandFinished(command_id, is_ok, text))


# Any: each handler takes the one type that its row names.
_REQUESTS: Final[dict[type, Callable[[Desk, Any], ToOperator]]] = {
    HaltRequest: Desk._halt,
    UnhaltRequest: Desk._unhalt,
    StopRequest: Desk._stop_cluster,
    StrategyActionRequest: Desk._act,
    SetParameterRequest: Desk._set_parameters,
    SetPriorityRequest: Desk._set_priority,
    SetLimitRequest: Desk._set_limit,
    AddStrategyRequest: Desk._add,
}
