"""SQL with its parameters, to be run alone or as part of a command's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that yields exactly one row."""

    sql: str
    params: Mapping[str, object]
    rest: None = None
    """Always asked as a whole."""
