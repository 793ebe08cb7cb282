"""Shapes of calendar feeds and secret calendar addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, Field

from api.fields import Boolean, Choice, FieldType, File, Model, Text, Url, as_text
from api.schemas.references import CourseReference

LONGEST_URL = 2000
SCHEMES = ("http", "https", "webcal", "webcals")
KINDS = ("I", "S")


@dataclass(frozen=True, kw_only=True, slots=True)
class RawCalendar(FieldType):
    """The text of a calendar as it is; null characters, which some programs leave in it, are dropped."""

    def read(self, value: Any, form: bool) -> str:
        return as_text(value.replace("\0", "") if isinstance(value, str) else value, "Not a valid string.").strip()

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


class CalendarFeedIn(Model):
    """A calendar: its text (`raw_ical`, or an uploaded `file`) or its address. `display_name` is accepted as the title."""

    title: Annotated[str, Text(max=120), Field(validation_alias=AliasChoices("title", "display_name"))]
    source_kind: Annotated[str, Choice(codes=KINDS, doc="I import, S subscribe.")] = "I"
    source_url: Annotated[str, Url(max=LONGEST_URL, blank=True, schemes=SCHEMES)] = ""
    raw_ical: Annotated[str, RawCalendar(doc="The calendar's text, up to 10 MB.")] = ""
    file: Annotated[Any, File(null=True, empty=True, doc="The same as an .ics file, in a multipart body.")] = None
    course_id: Annotated[int | None, CourseReference(null=True)] = None
    is_enabled: Annotated[bool, Boolean()] = True


class CalendarFeedChange(Model):
    """What to change. An empty `raw_ical` removes a pasted text."""

    title: Annotated[str | None, Text(max=120)] = None
    source_kind: Annotated[str | None, Choice(codes=KINDS)] = None
    source_url: Annotated[str | None, Url(max=LONGEST_URL, blank=True, schemes=SCHEMES)] = None
    raw_ical: Annotated[str | None, RawCalendar()] = None
    course_id: Annotated[int | None, CourseReference(null=True)] = None
    is_enabled: Annotated[bool | None, Boolean()] = None


class RejectedOut(BaseModel):
    """Something in a calendar that could not be shown, and the line where it begins."""

    line: int
    item: str
    reason: str


class CalendarFeedOut(BaseModel):
    """A calendar feed, with the result of its last reading."""

    id: int
    title: str
    source_kind: Literal["I", "S"]
    source_url: str
    is_enabled: bool
    course_id: int | None
    last_sync: datetime | None
    last_read: datetime | None
    next_read: datetime | None
    state: Literal["empty", "pending", "ok", "failed", "gone"]
    error: str
    calendar_name: str
    event_count: int
    rejected_count: int
    rejected: list[RejectedOut]
    date_created: datetime
    last_edit: datetime


class SampleOut(BaseModel):
    """One of the entries found."""

    title: str
    starts_at: datetime
    ends_at: datetime


class ImportSummaryOut(BaseModel):
    """The result of the first reading."""

    ok: bool
    count: int
    rejected: int
    events: list[SampleOut]
    error: str


class CalendarFeedMade(CalendarFeedOut):
    """A new calendar feed."""

    import_summary: ImportSummaryOut


class CalendarAddressIn(Model):
    """A secret address for calendar programs."""

    label: Annotated[str, Text(max=120, blank=True)] = ""
    includes_sessions: Annotated[bool, Boolean()] = True


class CalendarAddressOut(BaseModel):
    """A secret address. Its token is shown only when it is created or rotated."""

    id: int
    label: str
    includes_sessions: bool
    date_created: datetime
    date_rotated: datetime | None
    last_used: datetime | None


class CalendarAddressMade(CalendarAddressOut):
    """A secret address, including the address itself."""

    url: str
