"""JSON that holds half a character: an app that cuts texts between the two halves of an emoji sends one, and means no harm by it."""

from __future__ import annotations

import re
from typing import Any

import orjson

_ESCAPED = re.compile(
    rb"""\\\\ | \\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2} | (?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})""", re.VERBOSE
)


def parsed(raw: bytes) -> Any:
    """The value, with U+FFFD in the place of each half. Raises orjson.JSONDecodeError for what is no JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        whole = mended(raw)
        if whole == raw:
            raise
        return orjson.loads(whole)


def mended(raw: bytes) -> bytes:
    """The same JSON with U+FFFD in the place of each half."""
    return _ESCAPED.sub(lambda found: rb"\ufffd" if found["half"] else found[0], raw)
