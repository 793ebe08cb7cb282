"""Names of courses in addresses: unique in the whole system, and never changed (contract: notes 3.4)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from commands.courses.lookups import CourseLookups

LONGEST = 120
LONGEST_BASE = 100
FALLBACK = "local-course"
FIRST_TRIES = 8

_OTHER = re.compile(r"[^a-z0-9]+")


def slugify(title: str) -> str:
    """ASCII letters and digits of the title with single hyphens between them."""
    folded = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("-", folded).strip("-")[:LONGEST_BASE].rstrip("-") or FALLBACK


def free_slug(lookups: CourseLookups, base: str) -> str:
    """The base, or the base with the lowest number behind it that nobody has.

    Two commands may find the same one at once; the unique index lets one of them through, and the other looks again.
    """
    names = _candidates(base)
    tries = FIRST_TRIES
    while True:
        batch = [next(names) for _ in range(tries)]
        taken = lookups.taken_slugs(batch)
        for name in batch:
            if name not in taken:
                return name
        tries *= 4


def _candidates(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        suffix = f"-{number}"
        yield base[: LONGEST - len(suffix)] + suffix
        number += 1
