"""A process is known by the ticks between the boot and its start, and by the boot."""

from pathlib import Path

import pytest

from supervisor.process_birth import birth_of

STAT = "7 (a name) with (brackets)) S " + " ".join(str(field) for field in range(4, 53))
"""Each field is its own number, as proc(5) counts them: the 22nd is the start."""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    random = tmp_path / "sys" / "kernel" / "random"
    random.mkdir(parents=True)
    (random / "boot_id").write_text("5e2f\n")
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(STAT)
    return tmp_path


def test_it_is_the_boot_and_the_start_in_ticks_whatever_the_process_is_called(proc: Path) -> None:
    assert birth_of(7, proc) == "5e2f:22"


@pytest.mark.parametrize("stat", ["", "7 (cut", "7 (cut) S 4 5", STAT.replace(" 22 ", " x ")])
def test_what_cannot_be_read_is_no_birth(proc: Path, stat: str) -> None:
    (proc / "7" / "stat").write_text(stat)
    assert birth_of(7, proc) == ""


def test_a_process_that_is_not_there_and_a_boot_without_a_name_have_none(proc: Path) -> None:
    assert birth_of(8, proc) == ""
    boot_id = proc / "sys" / "kernel" / "random" / "boot_id"
    boot_id.write_text("\n")
    assert birth_of(7, proc) == ""
    boot_id.unlink()
    assert birth_of(7, proc) == ""
