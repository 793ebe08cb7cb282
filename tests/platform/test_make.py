"""What the Makefile promises beyond the commands that it calls."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_page_stays_as_it_was_when_its_command_fails(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (tmp_path / ".venv" / ".runtime").touch()
    (binaries / "python").touch()
    program = binaries / "notechondria"
    program.touch(0o755)
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "settings.md"
    page.write_text("as it was")
    for script, status, content in (("echo half; exit 1", 2, "as it was"), ("echo new", 0, "new\n")):
        program.write_text(f"#!/bin/sh\n{script}\n")
        made = subprocess.run(["make", "docs"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (made.returncode, page.read_text()) == (status, content), made.stderr
