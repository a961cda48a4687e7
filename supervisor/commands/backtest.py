"""`outcry backtest`: a config on its recorded or synthetic markets, in one process, as fast as it goes."""

from pathlib import Path
from time import perf_counter
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from actors.runtime.journal import JournalError
from gateways.exchange.sources.source import SourceError
from supervisor.backtest.engine import TimeStandsStill
from supervisor.backtest.period import PeriodError, parse_period
from supervisor.backtest.progress import Watch
from supervisor.backtest.report import Pace, build_backtest_report
from supervisor.backtest.run import BacktestError, BacktestOptions, BacktestResult, run_backtest
from supervisor.backtest.story import story_of
from supervisor.backtest.summary import render_summary
from supervisor.commands.base import app, examples, failure, loaded, write_json
from supervisor.commands.exit_codes import BAD_USAGE, FAILED, INTERRUPTED
from supervisor.config import Config
from supervisor.report import ReportUnwritable, check_writable, write_report, write_whole
from supervisor.reports.charts import PlottingMissing, check_plotting
from supervisor.reports.page import render_page
from supervisor.tables import stdout_console


@app.command(
    epilog=examples(
        "outcry backtest examples/recorded_carry.toml",
        "outcry backtest my.toml --from 2024-08-08T23:56 --to 2024-08-08T23:58:30 --report report.json",
        "outcry backtest examples/demo.toml --for 600 --html report.html",
        "outcry backtest my.toml --journal var/run-1 && outcry replay var/run-1",
        "outcry backtest my.toml --json | jq .strategies",
    )
)
def backtest(
    *,
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="The cluster's TOML file; none: the embedded cluster.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Begin here: ISO 8601, UTC where it has no offset.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="End before this time.")] = None,
    for_seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.001, help="End after so long, of market time.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write a JSON report.")] = None,
    page: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with charts, one file (needs the reports extra)."),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="DIR", help="Keep what each strategy heard and answered, for a replay."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the report to stdout.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Draw no progress bar.")] = False,
) -> None:
    """Run the strategies of a config on its markets in one process, on market time: the same orders every time.

    Ctrl-C ends it in good order with the result so far, a second one at once.
    """
    checked = loaded(config)
    try:
        period = parse_period(start, end, for_seconds)
        for file in (report, page):
            if file is not None:
                check_writable(file)
        if page is not None:
            check_plotting()
        watch = Watch(Console(stderr=True), is_shown=not no_progress)
        result, pace = _run(checked, BacktestOptions(period, journal), watch)
    except (PeriodError, BacktestError, ReportUnwritable, PlottingMissing) as error:
        raise failure(str(error), BAD_USAGE) from error
    except (SourceError, JournalError, TimeStandsStill) as error:
        raise failure(str(error), FAILED) from error
    _tell(result, pace, Files(report, page), as_json=as_json)
    if result.is_interrupted:
        raise typer.Exit(INTERRUPTED)
    if result.faults:
        raise typer.Exit(FAILED)


def _run(config: Config, options: BacktestOptions, watch: Watch) -> tuple[BacktestResult, Pace]:
    began_s = perf_counter()
    with watch.watching():
        result = run_backtest(config, options, watch.go_on)
    return result, Pace(perf_counter() - began_s, result.events)


class Files(NamedTuple):
    """Where a result is to be written; None: not."""

    report: Path | None
    page: Path | None


def _tell(result: BacktestResult, pace: Pace, files: Files, *, as_json: bool) -> None:
    built = build_backtest_report(result, pace)
    if files.report is not None:
        write_report(files.report, built)
    if files.page is not None:
        write_whole(files.page, render_page(story_of(result)))
    if as_json:
        write_json(built)
        return
    stdout_console().print(render_summary(result, pace))
    for name, file in (("report", files.report), ("page", files.page)):
        if file is not None:
            typer.echo(f"{name}: {file}")
