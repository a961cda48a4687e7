"""What the supervisor's core asks about configs, which it cannot read itself."""

from collections.abc import Collection, Mapping
from typing import Protocol

from messages.from_child import ProcessKind
from supervisor.child_spec import ChildPlan, ClusterPlan
from supervisor.registry import Standing


class Unfit(Exception):
    """What the operator has asked for is no config that could run; says every mistake."""


class Planner(Protocol):
    """Makes the plan of every strategy from the config and what the operator has changed since."""

    def strategies(self, standing: Mapping[str, Standing], added: Collection[str] = ()) -> dict[str, ChildPlan]:
        """The plan of every strategy that is not removed, by name, as it would be in a config of all of them.

        :param added: those that come now; of all others, what may have changed under the running cluster, such as the
            processors of the machine, is not looked at again.
        :raises Unfit: that config would have mistakes.
        """

    def names_in(self, table: str) -> tuple[str, ...]:
        """The ids of the strategies in a text of `[[strategies]]` tables.

        :raises Unfit: it is no such text.
        """


class FixedPlanner:
    """The strategies of a plan, which can be removed and not changed."""

    def __init__(self, plan: ClusterPlan) -> None:
        self._plans = {child.name: child for child in plan.children if child.kind is ProcessKind.STRATEGY}

    def strategies(self, standing: Mapping[str, Standing], added: Collection[str] = ()) -> dict[str, ChildPlan]:  # noqa: ARG002  # nothing can be added
        changed = sorted(name for name, wish in standing.items() if wish.changes or wish.table)
        if changed:
            raise Unfit(f"this cluster has no config that could be changed ({', '.join(changed)})")
        removed = {name for name, wish in standing.items() if wish.is_removed}
        return {name: plan for name, plan in self._plans.items() if name not in removed}

    def names_in(self, _table: str) -> tuple[str, ...]:
        raise Unfit("this cluster has no config that anything could be added to")
