"""Arrows between single-file modules, which the import contracts cannot draw, and what the locks may say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {
    "api",
    "cli",
    "commands",
    "eventstore",
    "logs",
    "mcp_server",
    "metrics",
    "projections",
    "reactors",
    "settings",
    "toolbox",
    "tracing",
    "wiring",
}
SOURCES = sorted([*ROOT.glob("*.py"), *(path for folder in OURS for path in (ROOT / folder).rglob("*.py"))])

ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("settings.py", set[str]()),
        ("logs.py", {"settings"}),
        ("metrics.py", set[str]()),
        ("tracing.py", {"settings"}),
        ("wiring.py", OURS - {"api", "cli", "mcp_server"}),
    ],
)
def test_module_imports_only_what_lies_below(module: str, allowed: set[str]) -> None:
    assert _imported(ROOT / module) & OURS <= allowed


def _reads_the_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(alias.name in ENVIRONMENT for alias in node.names)
    return isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and isinstance(node.value, ast.Name) and node.value.id == "os"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path != ROOT / "settings.py"], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_only_settings_reads_the_environment(path: Path) -> None:
    assert not [node for node in ast.walk(ast.parse(path.read_text())) if _reads_the_environment(node)]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_pins_with_hashes_and_names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host", text)
    for requirement in re.split(r"\n(?=[a-z])", text.strip()):
        assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+", requirement)
        assert "--hash=sha256:" in requirement
