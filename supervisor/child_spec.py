"""What the supervisor knows of a child before it runs: how it is started, restarted and stopped (words: Erlang/OTP)."""

from enum import Enum
from typing import Final

import msgspec

from actors.runtime.spec import ChildSpec
from messages.from_child import ProcessKind
from supervisor.config.risk import RiskConfig

CHILDREN_SOCKET: Final = "children"
"""The supervisor binds its ROUTER for children under this name in the cluster's runtime directory."""
EXCHANGE: Final = "exchange"
"""The process of the simulated venues; reserved among the names of a config."""


class Restart(Enum):
    """When an ended child is started again. The value says it in words.

    One that is PERMANENT is never given up, since nobody else answers for its account: past the intensity it only waits
    longer, up to `backoff_max_s`.
    """

    PERMANENT = "always"
    TRANSIENT = "unless it ended by itself with exit code 0"
    TEMPORARY = "never"


class RestartPolicy(msgspec.Struct, frozen=True):
    """How often, and how soon.

    :param restarts_max: intensity: more restarts than this within `period_s` end in quarantine.
    :param backoff_min_s: before the second restart within the period (the first is immediate), doubled for each
        further one up to `backoff_max_s`.
    """

    restarts_max: int = 3
    period_s: float = 60.0
    backoff_min_s: float = 0.5
    backoff_max_s: float = 30.0


class ChildPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One child.

    :param name: of the process; its routing id on the command link.
    :param strategy: the id of the strategy that it hosts; empty for other kinds.
    :param strategy_kind: such as `spot-futures`; empty for other kinds.
    :param command: the program and its arguments; the path of the child's spec file is appended.
    :param spec: what the child is told; of a strategy, with the epoch still to be set.
    :param priority: of a strategy, 1 (last) to 10 (first), where something scarce is shared out.
    :param on_death: what is done with the position of a strategy in quarantine: `hold`, `flatten` or `complete`.
    """

    name: str
    kind: ProcessKind
    restart: Restart
    command: tuple[str, ...]
    spec: ChildSpec
    strategy: str = ""
    strategy_kind: str = ""
    priority: int = 5
    on_death: str = "hold"


class ClusterPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All children of a cluster, in the order of their start, and how they are watched and stopped.

    :param risk: the common limits; None: nothing is limited.
    :param lease_ttl_ms: how long gateways let trade without the supervisor's word.
    """

    cluster: str
    children: tuple[ChildPlan, ...]
    policy: RestartPolicy = RestartPolicy()
    heartbeat_timeout_ms: int = 2_000
    drain_deadline_ms: int = 3_000
    stop_deadline_ms: int = 3_000
    risk: RiskConfig | None = None
    lease_ttl_ms: int = 1_000
