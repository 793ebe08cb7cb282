"""Lines of the log, as a process writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import structlog

from logs import configure_logging
from settings import load_settings

ROOT = Path(__file__).parents[2]
PROGRAM = """
import logging, structlog
from logs import configure_logging
from settings import load_settings
configure_logging(load_settings())
log = structlog.get_logger("notechondria.test")
log.info("signed_in", account=8, password="hunter2", header="Token hunter2", nested={"api_key": "hunter2", "kept": "plain"})
logging.getLogger("library").warning("connecting to postgresql://me:hunter2@localhost/notes with ntc_hunter2")
try:
    raise ValueError("Authorization was Bearer hunter2")
except ValueError:
    log.exception("failed")
"""


def _written(log_format: str) -> str:
    environment = os.environ | {"NOTECHONDRIA_LOG_FORMAT": log_format}
    return subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stderr


def test_json_lines_carry_name_level_time_and_fields() -> None:
    first, second, third = map(json.loads, _written("json").splitlines())
    assert first["event"] == "signed_in"
    assert (first["account"], first["level"], first["logger"]) == (8, "info", "notechondria.test")
    assert first["nested"]["kept"] == "plain"
    assert second["level"] == "warning"
    assert "ValueError" in third["exception"]


def test_secrets_are_masked_in_every_format() -> None:
    for log_format in ("json", "console"):
        written = _written(log_format)
        assert "signed_in" in written
        assert "hunter2" not in written


def test_reading_a_note_writes_no_line_per_line_of_it() -> None:
    """The parser of texts tells at DEBUG what it does with each: a note took a minute and megabytes of log."""
    program = PROGRAM.partition("log = structlog")[0] + "from eventstore.blocks import pieces_of\npieces_of('[a]: /u\\n' * 50)"
    environment = os.environ | {"NOTECHONDRIA_LOG_LEVEL": "DEBUG"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_loggers_in_use_follow_a_later_configuration() -> None:
    """Commands of operators that run in the same process configure the log each time they begin."""
    log = structlog.get_logger("notechondria.test.reconfigured")
    configure_logging(load_settings())
    log.warning("before")
    configure_logging(load_settings())
    with structlog.testing.capture_logs() as logged:
        log.warning("after")
    assert [line["event"] for line in logged] == ["after"]
