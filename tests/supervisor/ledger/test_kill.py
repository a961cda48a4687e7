"""A supervisor that is killed (SIGKILL) between receiving, committing and acknowledging: each record once, always."""

import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from messages.codec import encode
from supervisor.ledger.audit_chain import AuditRow, first_broken
from supervisor.ledger.engine import default_url
from supervisor.ledger.schema import audit, fills, orders, positions
from tests.supervisor.ledger.books_of import copy, only, rows
from tests.supervisor.ledger.test_ledger import story
from tests.support.running_cluster import ROOT

KILLS = 4
ORDERS = 300
FRAME = 24


@pytest.mark.timeout(60)
def test_every_record_is_entered_once_however_often_the_supervisor_is_killed(tmp_path: Path) -> None:
    random, url, records = Random(4), default_url(tmp_path), story(ORDERS)
    applied = 0
    for life in range(KILLS + 1):
        command = [sys.executable, "-m", "tests.supervisor.ledger.killed_writer", url]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        applied = int(process.stdout.readline())  # what the ledger has, for the gateway to go on behind it
        end = len(records) * (life + 1) // (KILLS + 1)
        goal = end if life == KILLS else random.randint(applied, end)
        for first in range(applied + 1, end + 1, FRAME):
            frame = encode(copy(first, *records[first - 1 : min(end, first - 1 + FRAME)]))
            process.stdin.write(frame.hex().encode() + b"\n")
        process.stdin.flush()
        while applied < goal:
            applied = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert applied == len(records) == 6 * ORDERS
    assert only(rows(url, positions))["quantity"] == Decimal("0.005") * ORDERS
    assert len(rows(url, fills)) == 2 * ORDERS
    assert len(rows(url, orders)) == ORDERS
    assert {(row["state"], row["filled"]) for row in rows(url, orders)} == {("cancelled", Decimal("0.005"))}
    assert first_broken(AuditRow(**row) for row in rows(url, audit)) is None
