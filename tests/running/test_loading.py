"""What a server's process loads before it answers: loading is nearly all of the time that a start takes."""

from __future__ import annotations

import subprocess
import sys

from tests.running.server import environment

LATER = {"PIL", "authlib", "httpx2", "icalendar", "jinja2", "jsonschema", "mcp", "recurring_ical_events"}
"""Loaded when somebody uploads a picture, signs in elsewhere, has a calendar read, opens the console or sends an assistant."""


def test_what_few_requests_need_is_loaded_by_them() -> None:
    program = "import sys; from cli.worker import load; load(); print(*(name for name, module in sys.modules.items() if module))"
    ran = subprocess.run([sys.executable, "-P", "-c", program], env=environment(), capture_output=True, text=True, check=True)
    loaded = ran.stdout.split()
    assert "api.app" in loaded
    assert not LATER & set(loaded)


def test_nothing_is_counted_before_the_processes_part() -> None:
    program = "from cli.worker import load; load(); from prometheus_client import generate_latest; print(generate_latest().decode())"
    ran = subprocess.run([sys.executable, "-P", "-c", program], env=environment(), capture_output=True, text=True, check=True)
    assert "# HELP notechondria_requests_total" in ran.stdout
    assert not [line for line in ran.stdout.splitlines() if line.startswith("notechondria")]


def test_nothing_that_was_loaded_runs_beside_the_fork() -> None:
    program = "from cli.worker import load; load(); import os; print(*os.listdir('/proc/self/task'))"
    ran = subprocess.run([sys.executable, "-P", "-c", program], env=environment(), capture_output=True, text=True, check=True)
    assert len(ran.stdout.split()) == 1, "a thread would be missing in the processes, with whatever it holds locked"
