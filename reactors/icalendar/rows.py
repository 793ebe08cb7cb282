"""Entries as rows of feeds.entries, in the text format of COPY."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from reactors.icalendar.contents import Entry

COLUMNS = "text_id, starts_at, ends_at, year, floating, identity, title, times, item"


def copy_line(text_id: int, entry: Entry) -> bytes:
    """The row of an entry. What the answer shows of it is rendered here, once."""
    members: dict[str, object] = {"all_day": entry.whole_day, "location": clean(entry.place), "description": clean(entry.description)}
    starts_at, ends_at = _instant(entry.starts_at), _instant(entry.ends_at)
    row = (
        str(text_id).encode(),
        starts_at,
        ends_at,
        b"\\N" if entry.year is None else str(entry.year).encode(),
        b"t" if entry.floating else b"f",
        entry.identity.encode(),
        b"\\N" if entry.title is None else _escaped(orjson.dumps(clean(entry.title))),
        b'"starts_at":"%b","ends_at":"%b"' % (starts_at, ends_at),
        _escaped(orjson.dumps(members)[1:-1]),
    )
    return b"\t".join(row) + b"\n"


def clean(text: str) -> str:
    """Without lone surrogates, which no UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


def _escaped(json: bytes) -> bytes:
    """JSON holds no line ends and tabs of its own; only its backslashes mean something to COPY."""
    return json.replace(b"\\", b"\\\\")


def _instant(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat(timespec="seconds").encode()
