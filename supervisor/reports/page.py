"""One self-contained HTML page about a run: figures, charts and tables, no network needed to read it."""

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from actors.analytics.account import between
from messages.health import Attribution, Cycle, Markout, StrategyStatus
from supervisor.plain import decimal_text
from supervisor.reports import charts
from supervisor.reports.story import RunStory, StrategyStory, drawdowns

CYCLES_SHOWN_MAX: Final = 200
ALERTS_SHOWN_MAX: Final = 50
CENT: Final = Decimal("0.01")
NS_PER_S: Final = 1_000_000_000

STYLE: Final = """
:root { --paper: #ffffff; --card: #f6f8fb; --ink: #1c2430; --faint: #66707f; --line: #e3e8ef; --good: #128a52;
  --bad: #c62a31; }
@media (prefers-color-scheme: dark) { :root { --paper: #0e131b; --card: #151c27; --ink: #e7ecf3; --faint: #8a94a6;
  --line: #232c3a; --good: #2fc37e; --bad: #ff6369; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.45; font-size: 14px;
  font-family: ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 24px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 44px 0 4px; padding-top: 18px; border-top: 1px solid var(--line); }
h3 { font-size: 13px; margin: 26px 0 6px; color: var(--faint); font-weight: 600; }
.faint, .facts { color: var(--faint); }
.facts span { margin-right: 18px; white-space: nowrap; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); gap: 10px; margin: 16px 0 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; }
.card b { display: block; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.card span { color: var(--faint); font-size: 12px; }
.good { color: var(--good); } .bad { color: var(--bad); }
.wide { overflow-x: auto; }
.card.words b { font-size: 14px; white-space: normal; line-height: 1.3; padding: 2px 0 3px; }
.two { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 18px; }
@media (max-width: 760px) { .two { grid-template-columns: minmax(0, 1fr); } }
.two > div { min-width: 0; overflow: hidden; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px; }
th { text-align: right; color: var(--faint); font-weight: 500; padding: 6px 10px; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
td.text { white-space: normal; min-width: 220px; color: var(--faint); }
.tight table { font-size: 12px; } .tight th, .tight td { padding: 4px 6px; } .tight th { white-space: normal; }
.tight td.text { min-width: 60px; } .tight td:last-child { min-width: 150px; }
details summary { cursor: pointer; color: var(--faint); margin: 22px 0 6px; }
ul { margin: 4px 0; padding-left: 20px; }
"""

PARTS: Final = ("spread", "slippage", "basis", "inventory", "funding", "fees", "total")


def render_page(run: RunStory) -> str:
    """The whole page.

    :raises PlottingMissing: plotly is not installed.
    """
    facts = "".join(f"<span>{_text(name)} <b>{_text(value)}</b></span>" for name, value in run.facts)
    sections = "".join(_strategy(story) for story in run.strategies)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{_text(run.title)}</title><style>{STYLE}</style><script>{charts.script()}</script></head><body><main>"
        f"<h1>{_text(run.title)}</h1><p class='faint'>{_time(run.from_ns)} to {_time(run.to_ns)} UTC</p>"
        f"<p class='facts'>{facts}</p>{_overview(run)}{charts.equity_chart(run)}{_desk_table(run)}{sections}"
        "</main></body></html>\n"
    )


def _overview(run: RunStory) -> str:
    cards = []
    for currency in sorted({story.report.status.pnl.currency for story in run.strategies}):
        stories = [story for story in run.strategies if story.report.status.pnl.currency == currency]
        total = sum((story.report.status.pnl.total for story in stories), Decimal(0))
        fees = sum((story.report.status.pnl.fees for story in stories), Decimal(0))
        cards += [
            _card(f"profit, {currency}", _money(total), _tone(total)),
            _card(f"fees paid, {currency}", f"{fees:,.2f}"),
        ]
    statuses = [story.report.status for story in run.strategies]
    cards += [
        _card("strategies", str(len(statuses))),
        _card("cycles", f"{sum(status.cycles for status in statuses):,}"),
        _card("orders", f"{sum(status.orders for status in statuses):,}"),
        _card("fills", f"{sum(status.fills for status in statuses):,}"),
    ]
    return f"<div class='cards'>{''.join(cards)}</div>"


def _desk_table(run: RunStory) -> str:
    rows = [
        [story.id, story.report.status.kind, *_attribution_cells(story.report.status.attribution)]
        for story in run.strategies
    ]
    return _table(["strategy", "kind", *PARTS, ""], rows, texts={1})


def _strategy(story: StrategyStory) -> str:
    status, cycles = story.report.status, story.report.cycles
    parts = [
        f"<h2>{_text(status.id)} <span class='faint'>{_text(status.kind)}</span></h2>",
        f"<p class='faint'>{_text(status.note)}</p>" if status.note else "",
        _strategy_cards(story),
        charts.strategy_chart(story) if story.moments and story.instruments else "",
        f"<div class='two'><div>{charts.attribution_chart(status.id, status.attribution)}</div>",
        f"<div>{charts.cycles_chart(status.id, cycles)}</div></div>" if cycles else "<div></div></div>",
        "<h3>attribution, exact, by settle currency</h3>",
        _table(["currency", *PARTS], [cells for line in status.attributions for cells in _exact_rows(line, status)]),
        _markouts(status.markouts),
        _cycles(cycles, status.cycles),
        _alerts(story.alerts),
    ]
    return "".join(parts)


def _strategy_cards(story: StrategyStory) -> str:
    status, cycles = story.report.status, story.report.cycles
    total, currency = status.pnl.total, status.pnl.currency
    depth = min(drawdowns([float(moment.equity) for moment in story.moments]), default=0.0)
    won = sum(cycle.pnl.total > 0 for cycle in cycles)
    results = Counter(cycle.result.value for cycle in cycles)
    return (
        "<div class='cards'>"
        + _card(f"profit, {currency}", _money(total), _tone(total))
        + _card("largest drawdown", f"{-depth:,.2f}")
        + _card("cycles won", f"{won} of {len(cycles)}" if cycles else "none")
        + _card("results", ", ".join(f"{count} {name}" for name, count in results.most_common()) or "–", kind="words")
        + _card("orders / fills", f"{status.orders:,} / {status.fills:,}")
        + _card("state at the end", status.state.replace("_", " ").lower(), kind="words")
        + "</div>"
    )


def _cycles(cycles: Sequence[Cycle], total: int) -> str:
    if not cycles:
        return ""
    shown = cycles[-CYCLES_SHOWN_MAX:]
    kept = _parts_that_matter(shown)
    rows = [
        [
            _time(cycle.ts_started),
            cycle.result.value,
            f"{(cycle.ts_ended - cycle.ts_started) / NS_PER_S:,.1f}",
            f"{cycle.ms:,.0f}",
            str(cycle.orders),
            str(cycle.fills),
            f"{cycle.entry_edge_bps:.2f}",
            *_kept(_attribution_cells(cycle.attribution), kept),
            cycle.attribution.currency,
            cycle.reason,
        ]
        for cycle in shown
    ]
    heading = ["began", "result", "s", "ms to balance", "orders", "fills", "edge bps", *_kept(PARTS, kept), "", "why"]
    said = f"{len(shown)} of {total:,} cycles" if len(shown) < total else f"{total:,} cycles"
    table = _table(heading, rows, texts={1, len(heading) - 1})
    return f"<details open><summary>{said}</summary><div class='tight'>{table}</div></details>"


def _parts_that_matter(cycles: Sequence[Cycle]) -> list[int]:
    """Which of PARTS any of these cycles has; the total always. The others would only push the reasons out of view."""
    parts = [charts.attribution_parts(cycle.attribution) for cycle in cycles]
    return [index for index, name in enumerate(PARTS) if name == "total" or any(row[index] for row in parts)]


def _kept(cells: Sequence[str], kept: Iterable[int]) -> list[str]:
    return [cells[index] for index in kept]


def _markouts(markouts: Sequence[Markout]) -> str:
    if not markouts:
        return ""
    rows = [[f"{markout.horizon_s:g} s", f"{markout.mean_bps:+.3f}", f"{markout.n:,}"] for markout in markouts]
    return "<h3>markouts: how the mid had moved after our fills, bps</h3>" + _table(
        ["after", "mean bps", "fills"], rows
    )


def _alerts(alerts: Sequence[tuple[int, str]]) -> str:
    if not alerts:
        return ""
    lines = "".join(f"<li>{_time(ts_ns)} {_text(text)}</li>" for ts_ns, text in alerts[:ALERTS_SHOWN_MAX])
    more = f"<li>{len(alerts) - ALERTS_SHOWN_MAX} more</li>" if len(alerts) > ALERTS_SHOWN_MAX else ""
    return f"<h3>alerts</h3><ul>{lines}{more}</ul>"


def _attribution_cells(attribution: Attribution) -> list[str]:
    """Rounded to the cent, or finer where less than a unit matters."""
    parts = charts.attribution_parts(attribution)
    places = 2 if max(map(abs, parts)) >= 1 else 6
    return [*(f"{part:+,.{places}f}" for part in parts), attribution.currency]


def _exact_rows(whole: Attribution, status: StrategyStatus) -> Iterator[list[str]]:
    """One currency: all of it, and what ended cycles, the one in hand and none at all have of it."""
    yield _exact_cells(whole.currency, whole)
    in_hand = [line.attribution for line in status.cycle_in_hand if line.attribution.currency == whole.currency]
    outside = [line.attribution for line in status.outside_cycles if line.attribution.currency == whole.currency]
    if not outside:
        return
    (rest,) = between((whole,), in_hand)
    (ended,) = between((rest,), outside)
    yield _exact_cells("of this: ended cycles", ended)
    yield from (_exact_cells("of this: cycle in hand", line) for line in in_hand)
    yield from (_exact_cells("of this: outside of cycles", line) for line in outside)


def _exact_cells(name: str, attribution: Attribution) -> list[str]:
    return [name, *(decimal_text(part) for part in charts.attribution_parts(attribution))]


def _table(
    heading: Sequence[str], rows: Iterable[Sequence[str]], texts: frozenset[int] | set[int] = frozenset()
) -> str:
    """A table; columns numbered in `texts` hold words and stand to the left."""
    head = "".join(f"<th{_class(index in texts)}>{_text(name)}</th>" for index, name in enumerate(heading))
    body = "".join(
        "<tr>" + "".join(f"<td{_class(index in texts)}>{_text(cell)}</td>" for index, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _class(is_text: bool) -> str:  # one cell, one question
    return " class='text'" if is_text else ""


def _card(name: str, value: str, tone: str = "", kind: str = "") -> str:
    return f"<div class='card {kind}'><b class='{tone}'>{_text(value)}</b><span>{_text(name)}</span></div>"


def _money(amount: Decimal) -> str:
    return f"{amount:+,.2f}" if abs(amount) >= CENT or not amount else f"{amount:+,.8f}"


def _tone(amount: Decimal) -> str:
    return "good" if amount > 0 else "bad" if amount < 0 else ""


def _text(value: str) -> str:
    return html.escape(value)


def _time(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S")
