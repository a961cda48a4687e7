"""The log: a JSON line for each event, and no trouble where it cannot be written."""

import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from actors.runtime.logs import LossyStream, configure_logging


@pytest.fixture
def configured() -> Iterator[None]:
    handlers, logging.root.handlers[:] = logging.root.handlers[:], []
    configure_logging()
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers


@pytest.mark.usefixtures("configured")
def test_an_event_is_one_line_of_json_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().error("order dropped", order="a-1", text="two\nlines", mark="\ud800")
    (line,) = capfd.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"], event["order"], event["text"]) == (
        "order dropped", "error", "a-1", "two\nlines",
    )  # fmt: skip
    assert "timestamp" in event


@pytest.mark.usefixtures("configured")
def test_what_pykka_reports_goes_to_the_same_place(capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("pykka").error("Unhandled exception in actor")
    logging.getLogger("pykka").info("not for the log")
    assert capfd.readouterr().err == "ERROR:pykka:Unhandled exception in actor\n"


def test_what_cannot_be_written_is_lost_and_raises_nothing() -> None:
    reader, writer = os.pipe()
    stream = LossyStream(writer)
    assert stream.writable()
    assert stream.write("kept\ud800") == 5
    stream.flush()
    assert os.read(reader, 100) == b"kept\\ud800"
    os.close(reader)
    assert stream.write("lost") == 4  # nobody reads the pipe any more: EPIPE
    os.close(writer)
    assert stream.write("lost") == 4  # EBADF
