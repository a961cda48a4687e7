"""Every test that the threat list names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`([\w/…]*(?:\.py)?)(?:::(\w+))?`")


def test_every_line_of_the_threat_list_names_tests_that_exist() -> None:
    table = (ROOT / "docs" / "security.md").read_text().split("## Threats")[1].split("## What it costs")[0]
    file, found = "", 0
    for row in table.splitlines():
        if not row.startswith("| ") or row.startswith("| who"):
            continue
        proof = row.rsplit("|", 2)[1]
        names = NAMED.findall(proof)
        assert names or "same" in proof, f"no test is named: {row}"
        for path, test in names:
            file = path if path.endswith(".py") else file
            text = (ROOT / "tests" / file).read_text()
            assert not test or f"def {test}(" in text, f"{file} has no {test}"
            found += 1
    assert found > 30
