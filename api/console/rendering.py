"""Templates of the console: everything is escaped, secrets are covered, times are short."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from jinja2 import Environment

SECRET = re.compile(r"digest|hash|secret|password|api_key|token|conninfo", re.IGNORECASE)
ADDRESS = "source_url"
"""Where a calendar is read from: all but the host is often a key."""
HOST = re.compile(r"([a-z]+://)(?:[^/?#]*@)?([^/?#@]*)")
LONGEST = 20_000


def covered(value: Any) -> Any:
    """The value without what is secret by its name, and of addresses of calendars the host alone."""
    if isinstance(value, dict):
        return {key: _covered_member(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [covered(inner) for inner in value]
    return value


def _covered_member(name: str, value: Any) -> Any:
    if not value:
        return value
    if name == ADDRESS:
        address = HOST.match(str(value))
        return f"{address[1]}{address[2]}/•••" if address else "•••"
    return "•••" if SECRET.search(name) else covered(value)


def pretty(value: Any) -> str:
    """JSON for people, cut off where it gets long."""
    text = orjson.dumps(covered(value), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode()
    return text if len(text) <= LONGEST else text[:LONGEST] + "\n…"


def short_time(value: datetime | None) -> str:
    """Date and time in UTC to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else "–"


def ago(value: datetime | None) -> str:
    """How long ago, in the largest fitting unit."""
    return span((datetime.now(UTC) - value).total_seconds()) + " ago" if value else "never"


def span(seconds: float | None) -> str:
    """A length of time."""
    if seconds is None:
        return "–"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


@cache
def _environment() -> Environment:
    # Loaded when the console is used: that would take a good part of the server's start.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("api.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters.update(pretty=pretty, time=short_time, ago=ago, span=span)
    return found


def render(template: str, **content: Any) -> str:
    """The page."""
    return _environment().get_template(template).render(**content)
