"""The charts of a page, as fragments of HTML, made with plotly (the `reports` extra)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from messages.health import Attribution, Cycle
from messages.orders import Fill, Side
from supervisor.reports.story import RunStory, Spread, StrategyStory, drawdowns, spread_of, thinned

POINTS_MAX: Final = 1_500
"""Of one line; more cannot be told apart on a screen."""

MARKS_MAX: Final = 2_000
NS_PER_S: Final = 1_000_000_000
LEGEND_BELOW_PX: Final = 46
MARGINS_PX: Final = 64
"""Above and below a figure."""

INK, FAINT, GRID = "#8a94a6", "#8a94a6", "rgba(138,148,166,0.18)"
BLUE, GREEN, RED, AMBER = "#4c8dff", "#20b26c", "#e5484d", "#e2a03f"
PALETTE: Final = (BLUE, AMBER, "#9b7bff", "#2fb8c6", "#e06c9f", GREEN, "#b0b7c3", RED)
FONT: Final = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"

Figure = Any  # plotly has no types


class PlottingMissing(Exception):
    """The plotting library is not installed."""


def _plotly() -> tuple[Any, Callable[..., Any]]:
    try:
        from plotly import graph_objects  # noqa: PLC0415  # an extra: needed only where a page is made
        from plotly.subplots import make_subplots  # noqa: PLC0415
    except ImportError as error:
        raise PlottingMissing(
            "charts are drawn with plotly, which is not installed; pip install 'openoutcry[reports]'"
        ) from error
    return graph_objects, make_subplots


def check_plotting() -> None:
    """Find out before a long run whether its page can be drawn.

    :raises PlottingMissing: it cannot.
    """
    _plotly()


def script() -> str:
    """The plotting library's own script, which every page carries, so that it needs no network."""
    _plotly()
    from plotly.offline import get_plotlyjs  # noqa: PLC0415

    return str(get_plotlyjs())


def equity_chart(run: RunStory) -> str:
    """Profit and loss of every strategy over the run."""
    go, _ = _plotly()
    figure = go.Figure()
    for number, story in enumerate(run.strategies):
        xs, ys = _line(story.moments, lambda moment: float(moment.equity))
        name = f"{story.id} ({story.report.status.pnl.currency})"
        figure.add_scatter(x=xs, y=ys, name=name, mode="lines", line={"width": 2, "color": _color(number)})
    return _html(figure, "equity", 360, "profit and loss")


def strategy_chart(story: StrategyStory) -> str:
    """One strategy: equity and drawdown, its market with what it did, its positions; one axis of time."""
    go, make_subplots = _plotly()
    spread = spread_of(story)
    market = f"{spread.far} over {spread.near}, bps" if spread else f"{story.instruments[0]}, mid"
    currency = story.report.status.pnl.currency
    figure = make_subplots(
        rows=4,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.055,
        row_heights=[0.28, 0.12, 0.36, 0.24],
        subplot_titles=(f"equity, {currency}", "drawdown", market, "positions, each to its own largest"),
    )
    _draw_equity(figure, go, story)
    if spread is not None:
        _draw_spread(figure, go, story, spread)
    else:
        _draw_price(figure, go, story)
    _draw_positions(figure, go, story)
    return _html(figure, f"market-{story.id}", 760)


def attribution_chart(strategy: str, attribution: Attribution) -> str:
    """Where the profit came from: one bar for each part, and the sum."""
    go, _ = _plotly()
    names = ["spread", "slippage", "basis", "inventory", "funding", "fees", "total"]
    values = [float(part) for part in attribution_parts(attribution)]
    figure = go.Figure(
        go.Waterfall(
            x=names,
            y=values,
            measure=["relative"] * 6 + ["total"],
            text=[f"{value:+,.2f}" for value in values],
            textposition="outside",
            increasing={"marker": {"color": GREEN}},
            decreasing={"marker": {"color": RED}},
            totals={"marker": {"color": BLUE}},
            connector={"line": {"color": GRID, "width": 1}},
            cliponaxis=False,
        )
    )
    figure.update_layout(showlegend=False)
    return _html(figure, f"attribution-{strategy}", 300, f"where it came from, {attribution.currency}")


def attribution_parts(attribution: Attribution) -> tuple[Any, ...]:
    """Spread, slippage, basis, inventory, funding, fees (negative = paid) and the total."""
    a = attribution
    return a.spread, a.slippage, a.basis, a.inventory, a.funding, -a.fees, a.total


def cycles_chart(strategy: str, cycles: Sequence[Cycle]) -> str:
    """Profit of each cycle, in the order of their ends."""
    go, _ = _plotly()
    values = [float(cycle.pnl.total) for cycle in cycles]
    figure = go.Figure(
        go.Bar(
            x=_times(cycle.ts_ended for cycle in cycles),
            y=values,
            marker={"color": [GREEN if value >= 0 else RED for value in values]},
            hovertext=[cycle.result.value for cycle in cycles],
        )
    )
    figure.update_layout(showlegend=False)
    return _html(figure, f"cycles-{strategy}", 300, f"profit by cycle, {cycles[0].pnl.currency}")


# --- the parts of a strategy's chart ----------------------------------------------------------------------------


def _draw_equity(figure: Figure, go: Any, story: StrategyStory) -> None:
    xs, ys = _line(story.moments, lambda moment: float(moment.equity))
    fill = {"fill": "tozeroy", "fillcolor": "rgba(76,141,255,0.12)"}
    figure.add_trace(
        go.Scatter(x=xs, y=ys, mode="lines", line={"color": BLUE, "width": 2}, name="equity", **fill), 1, 1
    )
    below = drawdowns([float(moment.equity) for moment in story.moments])
    times, depths = thinned([moment.ts_ns for moment in story.moments], below, POINTS_MAX)
    red = {"fill": "tozeroy", "fillcolor": "rgba(229,72,77,0.18)", "line": {"color": RED, "width": 1}}
    figure.add_trace(go.Scatter(x=_times(times), y=depths, mode="lines", name="drawdown", **red), 2, 1)


def _draw_spread(figure: Figure, go: Any, story: StrategyStory, spread: Spread) -> None:
    """The spread, with the entries and exits of the cycles."""
    xs, ys = thinned(spread.ts_ns, spread.bps, POINTS_MAX)
    line = {"color": FAINT, "width": 1.3}
    figure.add_trace(go.Scatter(x=_times(xs), y=ys, mode="lines", line=line, name="spread"), 3, 1)
    cycles = [cycle for cycle in story.report.cycles if cycle.fills][-MARKS_MAX:]
    for name, color, symbol, moments in (
        ("entry", GREEN, "triangle-up", [cycle.ts_started for cycle in cycles]),
        ("exit", RED, "triangle-down", [cycle.ts_ended for cycle in cycles]),
    ):
        marker = {"color": color, "size": 9, "symbol": symbol}
        heights = [spread.at(ts_ns) for ts_ns in moments]
        figure.add_trace(go.Scatter(x=_times(moments), y=heights, mode="markers", marker=marker, name=name), 3, 1)


def _draw_price(figure: Figure, go: Any, story: StrategyStory) -> None:
    """The market of a strategy of one instrument, with its own fills."""
    name = story.instruments[0]
    seen = [moment for moment in story.moments if name in moment.mids]
    xs, ys = _line(seen, lambda moment: moment.mids[name])
    figure.add_trace(go.Scatter(x=xs, y=ys, mode="lines", line={"color": FAINT, "width": 1.3}, name="mid"), 3, 1)
    for side, color, symbol in ((Side.BUY, GREEN, "triangle-up"), (Side.SELL, RED, "triangle-down")):
        fills = _spaced([fill for fill in story.fills if fill.side is side and fill.instrument == name])
        marker = {"color": color, "size": 6, "symbol": symbol, "opacity": 0.75}
        times, prices = _times(fill.ts_event for fill in fills), [float(fill.price) for fill in fills]
        figure.add_trace(go.Scatter(x=times, y=prices, mode="markers", marker=marker, name=f"{side.value}s"), 3, 1)


def _draw_positions(figure: Figure, go: Any, story: StrategyStory) -> None:
    """Each position to its own largest: contracts and coins do not share a scale."""
    for number, name in enumerate(story.instruments):
        held = [float(moment.positions.get(name, 0)) for moment in story.moments]
        largest = max(map(abs, held), default=0.0) or 1.0
        times, sizes = thinned([moment.ts_ns for moment in story.moments], held, POINTS_MAX)
        trace = go.Scatter(
            x=_times(times),
            y=[size / largest for size in sizes],
            mode="lines",
            line={"color": _color(number), "width": 1.5, "shape": "hv"},
            name=name,
            customdata=sizes,
            hovertemplate="%{customdata}",
        )
        figure.add_trace(trace, 4, 1)


# --- shared -----------------------------------------------------------------------------------------------------


def _line(moments: Sequence[Any], value: Callable[[Any], float]) -> tuple[list[str], list[float]]:
    xs, ys = thinned([moment.ts_ns for moment in moments], [value(moment) for moment in moments], POINTS_MAX)
    return _times(xs), ys


def _spaced(fills: list[Fill]) -> list[Fill]:
    return fills[:: max(1, -(-len(fills) // MARKS_MAX))]


def _times(ts_ns: Iterable[int]) -> list[str]:
    return [datetime.fromtimestamp(ts / NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] for ts in ts_ns]


def _color(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def _html(figure: Figure, name: str, height: int, title: str = "") -> str:
    """The figure as a fragment without the library; transparent, so that it suits a light page and a dark one."""
    figure.update_layout(
        height=height,
        margin={"l": 56, "r": 16, "t": 34, "b": 30},
        title={"text": title, "font": {"size": 13}, "x": 0.0, "xanchor": "left"} if title else None,
        font={"family": FONT, "size": 12, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="x unified" if height > 320 else "closest",
        hoverlabel={"font": {"color": "#111"}, "bgcolor": "#f4f6fa"},
        legend={
            "orientation": "h",
            "y": -LEGEND_BELOW_PX / (height - MARGINS_PX),
            "yanchor": "top",
            "x": 0.0,
            "xanchor": "left",
        },
        autosize=True,
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False, linecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor="rgba(138,148,166,0.45)", linecolor=GRID, tickformat=",~r")
    for note in figure.layout.annotations:
        note.update(x=0.0, xanchor="left", font={"size": 12, "color": INK})
    config = {"displayModeBar": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=config, div_id=name))
