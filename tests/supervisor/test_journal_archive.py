"""Journals of earlier runs of simulated venues are put away, not adopted and not lost."""

from pathlib import Path

from supervisor.journal_archive import RUNS_KEPT_MAX, archive_journals


def make_journal(directory: Path, name: str) -> None:
    (directory / name).mkdir(parents=True)
    (directory / name / "00000001.log").write_bytes(name.encode())


def test_journals_of_the_last_run_are_kept_under_its_name(tmp_path: Path) -> None:
    make_journal(tmp_path, "gateway-spot")
    make_journal(tmp_path, "strategy-carry")
    assert archive_journals(tmp_path, "20240809T000000") == tmp_path / "run-20240809T000000"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run-20240809T000000"]
    kept = tmp_path / "run-20240809T000000" / "strategy-carry" / "00000001.log"
    assert kept.read_bytes() == b"strategy-carry"


def test_without_journals_there_is_nothing_to_put_away(tmp_path: Path) -> None:
    make_journal(tmp_path / "run-1", "gateway-spot")
    assert archive_journals(tmp_path, "2") is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["run-1"]


def test_the_oldest_runs_beyond_the_bound_are_removed(tmp_path: Path) -> None:
    for number in range(RUNS_KEPT_MAX + 2):
        make_journal(tmp_path, "gateway-spot")
        archive_journals(tmp_path, f"{number:02d}")
    # Twelve runs, ten kept: the first two are gone.
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        f"run-{number:02d}" for number in range(2, RUNS_KEPT_MAX + 2)
    ]
