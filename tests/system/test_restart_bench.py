"""The bench of restarts kills processes of a real cluster."""

import json

import pytest

import bench.restart

pytestmark = pytest.mark.timeout(120)


def test_it_says_for_each_kind_of_process_how_long_it_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.restart.main(["--json", "--quick"]) == 0
    result = json.loads(capsys.readouterr().out)
    for kind in bench.restart.KILLS:
        assert result[kind]["n"] == bench.restart.QUICK
        assert result[kind]["running_ms"]["max"] > 0
    assert result["strategy"]["noticed_ms"]["max"] < result["strategy"]["running_ms"]["max"]
    assert result["supervisor"]["noticed_ms"] == {}, "the keeper keeps no log of it"
