"""The audit of the dependencies fails for a vulnerability, and for nothing else."""

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


@pytest.mark.parametrize("command", [["/nowhere/uv"], [sys.executable, "-c", "raise SystemExit(1)"], [sys.executable, "-c", "print(7)"]])
def test_lists_that_cannot_be_reached_are_told_and_do_not_fail(command: list[str]) -> None:
    ran = audit(*command)
    assert ran.returncode == 0
    assert "cannot be reached" in ran.stdout
