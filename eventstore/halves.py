"""JSON as apps write it: with half a character, where one cut a text between the two halves of an emoji, and with numbers of any length."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

_ESCAPED = re.compile(
    rb"""\\\\ | \\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2} | (?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})""", re.VERBOSE
)

DEEPEST = 200
TOO_DEEP = f"nested more than {DEEPEST} levels deep"
_LONG_NUMBER = re.compile(r"[\d.]{16}|\d[eE][+-]?\d{3}")


def parsed(raw: bytes) -> Any:
    """The value, with U+FFFD in the place of each half. Raises orjson.JSONDecodeError for what is no JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        whole = mended(raw)
        if whole == raw:
            raise
        return orjson.loads(whole)


def parsed_exactly(text: str) -> Any:
    """The same with every number's exact value. Raises ValueError for what is no JSON, nested too deeply to be compared, or holds a
    number that would come out as another.
    """
    if _LONG_NUMBER.search(text) is None:
        value = parsed(text.encode())
    else:
        # The fast parser rounds them.
        try:
            value = json.loads(mended(text.encode()), parse_float=_exact, parse_constant=_no_number)
        except RecursionError:
            raise ValueError(TOO_DEEP) from None
    if text.count("[") + text.count("{") > DEEPEST and _is_deeper(value, DEEPEST):
        raise ValueError(TOO_DEEP)
    return value


def _exact(literal: str) -> float:
    number = float(literal)
    try:
        kept = Decimal(repr(number)) == Decimal(literal)
    except InvalidOperation:
        # An exponent beyond all bounds.
        kept = False
    if not kept:
        raise ValueError(f"{literal} cannot be kept exactly")
    return number


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [inner for one in level if isinstance(one, list | dict) for inner in (one.values() if isinstance(one, dict) else one)]
    return bool(level)


def as_text(value: Any) -> str:
    """The value as JSON, as short as it can be."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Numbers of more than 64 bits.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def canonical(value: Any) -> str:
    """The value as JSON that tells it from every other: Python holds 1, 1.0 and true for the same."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def mended(raw: bytes) -> bytes:
    """The same JSON with U+FFFD in the place of each half."""
    return _ESCAPED.sub(lambda found: rb"\ufffd" if found["half"] else found[0], raw)
