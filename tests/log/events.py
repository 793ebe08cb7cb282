"""Stored events, ready for the recorder."""

from __future__ import annotations

from datetime import UTC, datetime

from eventstore.codec import LogEvent


def renamed(stream: str, version: int, title: str = "title") -> LogEvent:
    return LogEvent(stream, version, "NoteRenamed", f'{{"title":"{title}"}}'.encode(), recorded_at=datetime(2026, 1, 1, tzinfo=UTC))
