"""What a server's process loads before it answers: loading is nearly all of the time that a start takes."""

from __future__ import annotations

import subprocess
import sys

from cli.worker import CODE
from tests.running.server import environment

LATER = {"PIL", "authlib", "httpx2", "icalendar", "jinja2", "pygments", "recurring_ical_events"}
"""Loaded when somebody uploads a picture, signs in elsewhere, has a calendar read or opens the console."""


def test_what_few_requests_need_is_loaded_by_them() -> None:
    prefix, _, _ = CODE.partition("from cli.worker")
    program = prefix + "from api.app import area_routes; area_routes(); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-P", "-c", program], env=environment(), capture_output=True, text=True, check=True)
    loaded = ran.stdout.split()
    assert "api.app" in loaded
    assert not LATER & set(loaded)
