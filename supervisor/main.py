"""The supervisor process: `python -m supervisor.main SPEC`. The keeper (`outcry up`) starts it and keeps it alive."""

import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec
import structlog

from actors.runtime.logs import configure_logging
from actors.runtime.spec import write_spec
from supervisor import registry
from supervisor.actions import EXIT_CLEAN, EXIT_TROUBLED
from supervisor.actor import Outcome, SupervisorActor
from supervisor.child_spec import ClusterPlan
from supervisor.closing import RunOptions
from supervisor.config import Config, ConfigError, ConfigText, instruments, load, read
from supervisor.core import Core
from supervisor.keys import prepare_keys
from supervisor.launcher import open_log
from supervisor.ledger.front import LedgerFront, ledger_of
from supervisor.ledger.writer import CLOSE_TIMEOUT_S, CONNECT_GRACE_S
from supervisor.live_planner import LivePlanner
from supervisor.lock import AlreadyRunning, ClusterLock
from supervisor.occurrences import StopSignalled
from supervisor.operations.planner import Planner
from supervisor.paths import ClusterPaths, UnsafePath
from supervisor.plan import plan_cluster
from supervisor.registry import RegistryDamaged

EXIT_REFUSED: Final = 3
"""Something is wrong that a restart does not mend; it was said on standard error."""
EXIT_CRASHED: Final = 70
TOKEN_BYTES: Final = 4
FINISH_TIMEOUT_S: Final = 2.0 + CLOSE_TIMEOUT_S + CONNECT_GRACE_S


class SupervisorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the supervisor process is told.

    :param config: absolute path of the config file; None for the embedded cluster.
    :param frozen_in: the working directory in which that was checked, if it is the frozen one; None: it is not.
    :param lock_descriptor: of the cluster's lock, inherited from the keeper; None: take it.
    """

    config: str | None
    state_dir: str
    for_seconds: float | None = None
    report: str | None = None
    stay: bool = False
    lock_descriptor: int | None = None
    frozen_in: str | None = None

    def config_text(self) -> ConfigText:
        """:raises ConfigError: the config cannot be read."""
        found = read(None if self.config is None else Path(self.config))
        return found._replace(frozen_in=None if self.frozen_in is None else Path(self.frozen_in))


def main(arguments: Sequence[str]) -> int:
    """Run the supervisor until the cluster has stopped. :returns: the exit code."""
    spec = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=SupervisorSpec)
    paths = ClusterPaths(spec.state_dir)
    try:
        text = spec.config_text()
        config = load(text)
        paths.create()
        prepare_keys(config, paths)
        if spec.lock_descriptor is None:
            ClusterLock.acquire(paths.lock_file, config.cluster.name).sign(os.getpid())
        planner = LivePlanner.of(text, config, paths)
        code = supervise(plan_cluster(config, paths), paths, spec, _ledger(config, paths), planner)
    except (AlreadyRunning, ConfigError, RegistryDamaged, UnsafePath) as error:
        print(error, file=sys.stderr)  # noqa: T201  # the log may be what cannot be opened
        return EXIT_REFUSED
    if code in {EXIT_CLEAN, EXIT_TROUBLED}:
        paths.remove_sockets()
    return code


def _ledger(config: Config, paths: ClusterPaths) -> LedgerFront:
    return ledger_of(config.ledger.url, paths.state_dir, config.cluster.name, instruments(config))


def supervise(
    plan: ClusterPlan,
    paths: ClusterPaths,
    spec: SupervisorSpec,
    ledger: LedgerFront | None = None,
    planner: Planner | None = None,
) -> int:
    """Run the cluster of a plan until it has stopped. SIGTERM stops it in good order.

    :param ledger: None: none is kept.
    :param planner: None: no strategy is changed or added while the cluster runs.
    :raises RegistryDamaged: the registry cannot be read.
    """
    found = registry.load(paths.registry_file)
    options = RunOptions(for_seconds=spec.for_seconds, stay=spec.stay, writes_report=spec.report is not None)
    core = Core(plan, found, options, os.getpid(), planner, token=secrets.token_hex(TOKEN_BYTES))
    report_file = None if spec.report is None else Path(spec.report)
    outcome = Outcome()
    with _logging_to(paths.log_dir / "supervisor.log"):
        reference = SupervisorActor.start(core, found, paths, outcome, report_file, ledger=ledger)

        def on_sigterm(_signal: int, _frame: FrameType | None) -> None:
            reference.tell(StopSignalled())

        previous = signal.signal(signal.SIGTERM, on_sigterm)
        try:
            reference.actor_stopped.wait()
            outcome.is_finished.wait(FINISH_TIMEOUT_S)
        finally:
            signal.signal(signal.SIGTERM, previous)
    if outcome.cause:
        print(" ".join(outcome.cause.splitlines()), file=sys.stderr)  # noqa: T201  # the keeper shows the last line
    return EXIT_CRASHED if outcome.exit_code is None else outcome.exit_code


def write_supervisor_spec(paths: ClusterPaths, spec: SupervisorSpec) -> Path:
    """Write what `main` reads; returns the file."""
    spec_file = paths.specs_dir / "supervisor.json"
    write_spec(spec_file, spec)
    return spec_file


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Log JSON lines into a file."""
    with open_log(path) as file:
        configure_logging(file.fileno())
        try:
            yield
        finally:
            structlog.reset_defaults()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
