"""Advisory locks are numbers that all of the product shares: each stands for one thing."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("api", "cli", "commands", "eventstore", "mcp_server", "projections", "reactors", "toolbox")


def test_no_two_files_use_one_number() -> None:
    places: dict[str, set[str]] = defaultdict(set)
    sources = [ROOT / "wiring.py", *(file for folder in FOLDERS for kind in ("*.py", "*.sql") for file in (ROOT / folder).rglob(kind))]
    for source in sources:
        for number in re.findall(r"\b72661\d\d\b", source.read_text(encoding="utf-8")):
            places[number].add("log" if source.suffix == ".sql" else str(source.relative_to(ROOT)))
    # The log's own functions take the writers' lock shared, which a swap of read models takes alone.
    assert places.pop("7266100") == {"log", "projections/rebuild.py"}
    assert len(places) >= 8
    assert {number: files for number, files in places.items() if len(files) > 1} == {}
