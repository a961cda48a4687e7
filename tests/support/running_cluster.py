"""A real cluster in real processes, for system tests, which know how it is to end."""

from pathlib import Path
from typing import Any

from messages.health import ClusterStatus, GatewayStatus
from supervisor.drill.cluster import DEADLINE_S, DrillCluster

ROOT = Path(__file__).resolve().parents[2]


class RunningCluster(DrillCluster):
    """`outcry up` as a user runs it, without the status display."""

    def stop(self, deadline_s: float = DEADLINE_S, *, expected_code: int = 0) -> dict[str, Any]:
        """Ctrl-C, and the report that is written then; cleanly unless another exit code is expected."""
        report = super().stop(deadline_s)
        self._has_ended_with(expected_code)
        return report

    def wait_for_end(self, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """The report that the cluster writes when it has ended cleanly by itself."""
        report = self.wait_for_report(deadline_s)
        self._has_ended_with(0)
        return report

    def _has_ended_with(self, expected_code: int) -> None:
        code = self.process.returncode
        assert expected_code == code, f"outcry up ended with {code}:\n{self.output()}"


def gateway_of(status: ClusterStatus, name: str) -> GatewayStatus:
    (found,) = (gateway for gateway in status.gateways if gateway.id == name)
    return found
