"""What is refused is counted, and cannot fill the log."""

from actors.runtime.refusals import LINES_MAX, WINDOW_NS, Refusals

START_NS = 5_000


def test_the_first_ones_are_told_one_by_one_and_the_rest_with_the_next_window() -> None:
    refusals = Refusals()
    assert [refusals.add(START_NS) for _ in range(LINES_MAX)] == [1] * LINES_MAX
    assert [refusals.add(START_NS + WINDOW_NS - 1) for _ in range(90)] == [0] * 90
    assert refusals.add(START_NS + WINDOW_NS) == 91  # the 90 that were not told of, and this one
    assert refusals.add(START_NS + WINDOW_NS) == 1
    assert refusals.total == LINES_MAX + 90 + 2
