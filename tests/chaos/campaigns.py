"""Every fault that needs real processes, by name."""

from collections.abc import Callable
from random import Random

from tests.chaos.drills import REPEATED, repeat_drill
from tests.chaos.hosts import crash_loop, stuck_interpreter
from tests.chaos.kills import cold_start, kill_one_kind
from tests.chaos.links import link_stall, slow_consumer
from tests.chaos.points import POINTS, kill_at_point
from tests.chaos.row import Row

CAMPAIGNS: dict[str, Callable[[int, Random, Callable[[str], None]], Row]] = {
    "kill-strategy": kill_one_kind("kill-strategy", "strategy"),
    "kill-gateway": kill_one_kind("kill-gateway", "gateway"),
    "kill-supervisor": kill_one_kind("kill-supervisor", "supervisor"),
    "cold-start": cold_start,
    **{f"kill-gateway-{point}": kill_at_point(point) for point in POINTS},
    "link-stall": link_stall,
    "slow-consumer": slow_consumer,
    "stuck-interpreter": stuck_interpreter,
    "crash-loop": crash_loop,
    **{name: repeat_drill(name) for name in REPEATED},
}
