"""Limits of lists in queries."""

from __future__ import annotations


def read_limit(text: str, largest: int) -> int | None:
    """A limit from 1 to the largest; numbers outside are moved inside, what is no number is None."""
    digits = text.strip()
    if not digits.lstrip("-").isdecimal() or digits.count("-") > 1 or len(digits) > 20:
        return None
    return min(max(int(digits), 1), largest)
