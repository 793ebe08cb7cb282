"""Days and instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from api.fields.base import FieldType, refuse
from eventstore.iso8601 import DATE, read_time

DATE_FORMAT = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
DATETIME_FORMAT = "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."


@dataclass(frozen=True, kw_only=True, slots=True)
class Date(FieldType):
    """A calendar day, `2031-05-06`; one digit of month or day is enough."""

    def read(self, value: Any, form: bool) -> date:
        match = DATE.fullmatch(value.strip()) if isinstance(value, str) else None
        if match:
            try:
                return date(*map(int, match.groups()))
            except ValueError:
                pass
        raise refuse(DATE_FORMAT)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DateTime(FieldType):
    """An instant, in UTC. Without an offset it is taken as UTC, a bare date as midnight UTC.

    naive: a time without an offset stays without, so that it can be understood in the account's zone.
    """

    naive: bool = False

    def read(self, value: Any, form: bool) -> datetime:
        given = read_time(value.strip()) if isinstance(value, str) else None
        if given is None:
            raise refuse(DATETIME_FORMAT)
        return given if self.naive or given.tzinfo is not None else given.replace(tzinfo=UTC)

    def schema(self) -> dict[str, Any]:
        if self.naive:
            # By RFC 3339 a date-time has an offset.
            return {"type": "string", "description": "ISO 8601; without an offset a wall-clock time, such as 2031-05-06T14:00:00."}
        return {"type": "string", "format": "date-time"}
