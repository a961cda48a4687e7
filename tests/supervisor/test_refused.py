"""What processes refuse is told: in the status at once, in the audit at most once a minute for each process."""

from supervisor.telemetry import REFUSED_TOLD_EVERY_NS, Telemetry

NOW_NS = 10**12


def test_what_is_new_is_told_and_then_not_before_a_minute_is_over() -> None:
    telemetry = Telemetry()
    assert telemetry.note_refused("spot", 0, NOW_NS) == 0
    assert telemetry.note_refused("spot", 3, NOW_NS + 1) == 3
    assert telemetry.note_refused("spot", 50, NOW_NS + 2) == 0
    assert telemetry.refused == {"spot": 50}
    assert telemetry.note_refused("spot", 50, NOW_NS + 1 + REFUSED_TOLD_EVERY_NS) == 47  # 50 - 3
    assert telemetry.note_refused("spot", 50, NOW_NS + 1 + 9 * REFUSED_TOLD_EVERY_NS) == 0  # nothing is new


def test_a_process_that_has_started_again_counts_from_nothing() -> None:
    telemetry = Telemetry()
    assert telemetry.note_refused("spot", 9, NOW_NS) == 9
    assert telemetry.note_refused("spot", 2, NOW_NS + REFUSED_TOLD_EVERY_NS) == 2


def test_each_process_is_told_of_by_itself() -> None:
    telemetry = Telemetry()
    assert telemetry.note_refused("spot", 1, NOW_NS) == 1
    assert telemetry.note_refused("perp", 1, NOW_NS) == 1
