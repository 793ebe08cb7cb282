"""The audit of the dependencies fails for a vulnerability and when it breaks, not when there is no way to the lists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit"
CLEAN = {"name": "good", "version": "1", "vulns": []}
SKIPPED = {"name": "unknown", "skip_reason": "Dependency not found"}
FLAWED = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-2031-1", "fix_versions": ["3"]}]}


def audit(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(AUDIT), *command], capture_output=True, text=True, check=False)


def telling(*dependencies: dict[str, Any]) -> list[str]:
    return [sys.executable, "-c", f"print({json.dumps({'dependencies': dependencies, 'fixes': []})!r})"]


def test_a_vulnerability_fails() -> None:
    ran = audit(*telling(CLEAN, SKIPPED, FLAWED))
    assert ran.returncode == 1
    assert "bad 2 has CVE-2031-1; mended in: 3." in ran.stdout


def test_what_could_not_be_looked_up_is_counted() -> None:
    ran = audit(*telling(CLEAN, SKIPPED))
    assert (ran.returncode, ran.stdout) == (0, "audit: 1 of 2 dependencies looked up, 0 vulnerabilities.\n")


def breaking(error: str, status: int = 1) -> list[str]:
    return [sys.executable, "-c", f"import sys; print({error!r}, file=sys.stderr); sys.exit({status})"]


@pytest.mark.parametrize(
    "command",
    [
        breaking("error: Request failed after 3 retries\n  cause: tcp connect error\n  cause: Connection refused (os error 111)", 2),
        breaking("error: Failed to fetch: `https://index.example/simple/pip-audit/`\n  Caused by: dns error", 2),
        breaking("requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='index.example', port=443): Read timed out. (read timeout=15)"),
        breaking("ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed"),
        breaking("requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://index.example/pypi/x/json"),
        breaking("error: Failed to fetch\n  Caused by: HTTP status server error (502 Bad Gateway) for url (https://index.example/)", 2),
        breaking("requests.exceptions.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    ],
)
def test_lists_that_cannot_be_reached_are_told_and_do_not_fail(command: list[str]) -> None:
    ran = audit(*command)
    assert ran.returncode == 0
    assert "cannot be reached" in ran.stdout


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["/nowhere/uv"], "/nowhere/uv cannot be run: No such file or directory"),
        (breaking("pip-audit: error: unrecognized arguments: --nonsense", 2), "ended with status 2 and no report"),
        (breaking("Traceback (most recent call last):\nRuntimeError: at a loss"), "ended with status 1 and no report"),
        (breaking("", 0), "ended with status 0 and no report"),
        ([sys.executable, "-c", "print(7)"], "the report cannot be read: TypeError"),
        ([sys.executable, "-c", "print('{\"packages\": []}')"], "the report cannot be read: KeyError"),
        (telling(), "it names no dependency"),
    ],
)
def test_an_audit_that_breaks_fails_and_tells_why(command: list[str], told: str) -> None:
    ran = audit(*command)
    assert ran.returncode == 1
    assert told in ran.stdout


def test_what_a_broken_audit_said_is_shown() -> None:
    assert "RuntimeError: at a loss" in audit(*breaking("RuntimeError: at a loss")).stderr
