"""What every route of a note takes when the note has many versions.

    python -m benchmarks.versions [--versions 25000] [--times 10]

A whole server with the embedded PostgreSQL, asked over HTTP; the versions are made by saving and taking a snapshot in turn. Exits 1
when a route takes longer than half a second in the median.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx

from benchmarks.autosave import SAMPLE
from benchmarks.machine import describe
from benchmarks.serving import signed_in

SIZE = 12_000
GOAL_MS = 500.0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=25_000)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    print(describe())
    with signed_in("writer") as client:
        reached = measure(client, options.versions, options.times)
    sys.exit(0 if reached else 1)


def measure(client: httpx.Client, versions: int, times: int) -> bool:
    """Makes the versions, then asks every route."""
    chance = random.Random(7)
    paragraphs = [" ".join(chance.choices(SAMPLE.split(), k=20)) for _ in range(SIZE // 110)]
    note = client.post("/notes/", json={"title": "Many versions", "content": "\n\n".join(paragraphs)}).raise_for_status().json()
    path, began = f"/notes/{note['id']}/", time.perf_counter()
    for _ in range(versions):
        paragraphs[chance.randrange(len(paragraphs))] = " ".join(chance.choices(SAMPLE.split(), k=20))
        client.patch(path, json={"content": "\n\n".join(paragraphs)}).raise_for_status()
        client.post(f"{path}snapshot/", json={"reason": "autosave_1m"}).raise_for_status()
    print(f"{versions} saves and as many snapshots of {SIZE:,} characters in {time.perf_counter() - began:.0f} s")
    reached = True
    for name, ask in routes(client, path, chance, paragraphs).items():
        taken = [_timed(ask) for _ in range(times)]
        reached &= statistics.median(taken) <= GOAL_MS
        print(f"{name:45} median {statistics.median(taken):7.1f} ms   slowest {max(taken):7.1f} ms")
    return reached


def routes(client: httpx.Client, path: str, chance: random.Random, paragraphs: list[str]) -> dict[str, Callable[[], Any]]:
    """What is asked, by name, in this order."""
    newest = client.get(path).raise_for_status().json()["version"]

    def anywhere() -> int:
        # Snapshots are the odd versions from the third on.
        return 3 + 2 * chance.randrange(newest // 2 - 1)

    def get(route: str, **params: Any) -> None:
        client.get(route, params=params).raise_for_status()

    def save(**more: Any) -> None:
        changed = [*paragraphs]
        changed[chance.randrange(len(changed))] = " ".join(chance.choices(SAMPLE.split(), k=20))
        client.patch(path, json={"content": "\n\n".join(changed), **more}).raise_for_status()

    def post(route: str, **body: Any) -> None:
        client.post(route, json=body).raise_for_status()

    def restored() -> None:
        client.delete(path).raise_for_status()
        get("/notes/deleted/")
        post(f"{path}restore/")

    return {
        "detail": lambda: get(path),
        "detail as of any version": lambda: get(path, as_of=anywhere()),
        "history, newest 12": lambda: get(f"{path}history/"),
        "history, 100 from anywhere": lambda: get(f"{path}history/", limit=100, before=anywhere()),
        "history with edits, 100 from anywhere": lambda: get(f"{path}history/", limit=100, before=anywhere(), include="edits"),
        "one version": lambda: get(f"{path}history/{anywhere()}/"),
        "difference of any two versions": lambda: get(f"{path}history/{anywhere()}/diff/{anywhere()}/"),
        "blocks": lambda: get(f"{path}blocks/"),
        "list of notes": lambda: get("/notes/", limit=20),
        "search": lambda: get("/notes/", limit=20, q="cell wall"),
        "changes": lambda: get("/changes/"),
        "save": save,
        "save on a state 1000 versions old": lambda: save(base_version=max(1, newest - 1000)),
        "save on the first state": lambda: save(base_version=1),
        "snapshot": lambda: post(f"{path}snapshot/", reason="manual"),
        "append a block": lambda: post(f"{path}blocks/", block_type="N", text="One more."),
        "undo": lambda: post("/undo/"),
        "go back to any version": lambda: post(f"{path}restore/{anywhere()}/"),
        "delete, look into the bin, restore": restored,
    }


def _timed(ask: Callable[[], Any]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
