"""What a page is made of: drawdowns, spreads, and lines with fewer points that still show every extreme."""

from decimal import Decimal as D

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from messages.health import StrategyReport
from supervisor.reports.story import Moment, Spread, StrategyStory, drawdowns, spread_of, thinned
from tests.supervisor.samples import CYCLE, STRATEGY

NEAR, FAR = "BTCUSDT.spot", "BTCUSDT.perp"


def moment(ts_ns: int, equity: int = 0, **mids: float) -> Moment:
    return Moment(ts_ns, D(equity), {}, {f"BTCUSDT.{venue}": mid for venue, mid in mids.items()})


def story(*moments: Moment) -> StrategyStory:
    positions = {NEAR: D(0), FAR: D(0)}
    status = msgspec.structs.replace(STRATEGY, positions=positions)
    report = StrategyReport(status=status, cycles=(CYCLE,))
    return StrategyStory(report=report, moments=moments, fills=(), fills_total=0, alerts=())


def test_a_drawdown_is_the_fall_from_the_highest_before() -> None:
    # highs: 0, 5, 5, 7, 7 → 0-0, 5-5, 2-5, 7-7, -1-7
    assert [0, 0, -3, 0, -8] == drawdowns([0, 5, 2, 7, -1])
    # a strategy that only loses falls from where it began
    assert [-2, -4] == drawdowns([-2, -4])


def test_a_spread_is_the_far_price_over_the_near_one_in_bps() -> None:
    spread = spread_of(
        story(moment(1, spot=100.0), moment(2, spot=100.0, perp=100.5), moment(3, spot=200.0, perp=199.0))
    )
    assert spread is not None
    assert (NEAR, FAR, [2, 3]) == (spread.near, spread.far, spread.ts_ns)
    # 100.5/100 - 1 = 50 bps; 199/200 - 1 = -50 bps
    assert [50.0, -50.0] == [round(value, 6) for value in spread.bps]


def test_a_spread_is_read_at_the_last_moment_before() -> None:
    spread = Spread(NEAR, FAR, [10, 20, 30], [1.0, 2.0, 3.0])
    assert [1.0, 1.0, 1.0, 2.0, 3.0, 3.0] == [spread.at(ts_ns) for ts_ns in (5, 10, 19, 20, 30, 99)]


def test_instruments_of_different_assets_have_no_spread() -> None:
    assert spread_of(story(moment(1, spot=60_000.0, perp=3_000.0))) is None
    assert spread_of(story(moment(1, spot=60_000.0))) is None


def test_a_short_line_is_left_as_it_is() -> None:
    assert ([1, 2, 3], [5.0, 4.0, 6.0]) == thinned([1, 2, 3], [5.0, 4.0, 6.0], 3)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(2, 40))
def test_a_thinned_line_keeps_its_ends_its_extremes_and_its_order(ys: list[float], points_max: int) -> None:
    xs = list(range(len(ys)))
    kept_xs, kept_ys = thinned(xs, ys, points_max)
    assert len(kept_xs) <= max(points_max, len(ys) if len(ys) <= points_max else 0) + 2
    assert sorted(set(kept_xs)) == kept_xs
    assert [ys[x] for x in kept_xs] == kept_ys
    assert (xs[0], xs[-1]) == (kept_xs[0], kept_xs[-1])
    assert (min(ys), max(ys)) == (min(kept_ys), max(kept_ys))
