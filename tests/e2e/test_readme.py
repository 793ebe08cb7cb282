"""The walk of the README, done as it is written there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running.folders import new_folder
from tests.running.server import ROOT, Running, environment, eventually

SECTION = "## From sign-up to history"


def _walk() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index(SECTION) :].split("\n## ", 2)[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


@pytest.fixture
def running() -> Iterator[Running]:
    """A server with a data folder that nobody has used."""
    with new_folder() as folder:
        started = Running(folder)
        yield started
        started.end()


class Shell:
    """Types the README's lines one after the other, filling in what it leaves open in <...>."""

    def __init__(self, running: Running) -> None:
        self.folder = running.folder
        self.address = running.address
        self.variables: list[str] = []
        self.known: dict[str, str] = {}

    def type(self, line: str) -> str:
        """What the line prints."""
        line = line.replace("http://127.0.0.1:8000", self.address).replace("~/.local/share/notechondria", str(self.folder))
        for placeholder, value in self.known.items():
            line = line.replace(f"<{placeholder}>", value)
        assert "<" not in line, f"the README does not say where this comes from: {line}"
        if re.match(r"\w+=", line):
            self.variables.append(line)
            return ""
        notechondria = f"notechondria() {{ {sys.executable} -c 'from cli.main import app; app()' \"$@\"; }}"
        script = "\n".join(["set -e", notechondria, *self.variables, line.replace("curl -s", "curl -s --fail-with-body")])
        done = subprocess.run(
            ["bash", "-c", script],
            env=environment(NOTECHONDRIA_DATA_DIR=str(self.folder), PYTHONPATH=str(ROOT)),
            # What the lines write down goes with the folder.
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout


def test_walk_of_the_readme(running: Running) -> None:
    shell = Shell(running)
    answers: dict[str, Any] = {}
    for line in _walk():
        if line.startswith("cat "):
            eventually(lambda: any((running.folder / "outbox").glob("*.eml")))
            found = re.search(r"^Code: (\d{6})", shell.type(line), re.MULTILINE)
            assert found
            shell.known["code"] = found[1]
            continue
        printed = shell.type(line)
        if not line.startswith("curl") or not printed:
            continue
        answer = answers[line] = json.loads(printed)
        if "verify-email" in line:
            shell.known["token from the response"] = answer["token"]
        elif "/courses/" in line:
            shell.known["id of the course"] = str(answer["id"])
        elif "$api/notes/ -H" in line:
            shell.known["id of the note"] = str(answer["id"])
    history = next(answer for line, answer in answers.items() if "/history/" in line)
    assert [version["content"] for version in history] == ["Hello"]
    restored = next(answer for line, answer in answers.items() if "/restore/" in line)
    assert restored["content"] == "Hello again"
