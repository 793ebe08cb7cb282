"""Conditional requests and byte ranges (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

_RANGE = re.compile(r"bytes=\s*+(\d{0,18})\s*+-\s*+(\d{0,18})\s*+", re.ASCII)
"""Runs of blanks are taken whole: two that could share one would be tried in all ways."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` up to but not including `end`."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """The range lies outside the file."""


def not_modified(if_none_match: str | None, if_modified_since: str | None, etag: str, modified: datetime) -> bool:
    """Whether what the client has is still good. An entity tag, when sent, decides alone."""
    if if_none_match is not None:
        tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return "*" in tags or etag in tags
    since = _date(if_modified_since)
    return since is not None and modified.replace(microsecond=0) <= since


def requested_span(range_header: str | None, if_range: str | None, etag: str, modified: datetime, size: int) -> Span | None:
    """The part that was asked for; None for the whole file. Raises Unsatisfiable.

    Several ranges at once, other units and nonsense count as no range, which the RFC allows.
    """
    match = _RANGE.fullmatch(range_header) if range_header else None
    if match is None or not _same(if_range, etag, modified):
        return None
    first, last = match.groups()
    if not first:
        if not last:
            return None
        length = int(last)
        if not length or not size:
            raise Unsatisfiable
        return Span(max(0, size - length), size)
    start = int(first)
    end = min(int(last), size - 1) + 1 if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, end)


def http_date(moment: datetime) -> str:
    """As in Last-Modified."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def _same(if_range: str | None, etag: str, modified: datetime) -> bool:
    if if_range is None:
        return True
    if if_range.lstrip().startswith(('"', "W/")):
        return if_range.strip() == etag
    return _date(if_range) == modified.replace(microsecond=0)


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
