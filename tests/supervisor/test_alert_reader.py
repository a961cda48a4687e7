"""Every alert is read once, also where a status has no room for all."""

import msgspec

from messages.health import ClusterStatus
from supervisor.alert_reader import AlertReader
from tests.supervisor.samples import STATUS


def status(*alerts: str, total: int) -> ClusterStatus:
    return msgspec.structs.replace(STATUS, alerts=alerts, alerts_total=total)


def test_an_alert_is_read_once_and_in_one_line() -> None:
    reader = AlertReader()
    assert ["! one two"] == reader.new_ones(status("one\n  two", total=1))
    assert [] == reader.new_ones(status("one\n  two", total=1))
    assert ["! three"] == reader.new_ones(status("one\n  two", "three", total=2))


def test_alerts_that_the_status_has_dropped_are_counted() -> None:
    assert ["! 3 alerts before these; the log has them", "! d"] == AlertReader().new_ones(status("d", total=4))


def test_another_supervisor_counts_from_the_beginning() -> None:
    reader = AlertReader()
    reader.new_ones(status("a", "b", total=2))
    assert ["! back"] == reader.new_ones(status("back", total=1))
