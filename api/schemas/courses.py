"""Shapes of courses and of what is sent about them (contract: notes 2.5, 2.6 and 3)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.fields import Integer, Model, Text
from api.schemas.notes import AuthorOut, NoteItemOut

COURSE_EXAMPLE: dict[str, Any] = {
    "id": 3,
    "client_course_id": None,
    "slug": "biology",
    "title": "Biology",
    "description": "Spring term",
    "cover_image_url": "",
    "icon": 58332,
    "color_hue": 120,
    "is_default": False,
    "sort_order": 2,
    "owner": {"id": 9, "username": "mira", "display_name": "mira", "image_url": "", "avatar_url": ""},
    "is_owned": False,
    "subscriber_count": 5,
    "is_subscribed": True,
    "is_private_subscription": False,
    "last_opened_at": "2031-04-12T09:15:00.120000+00:00",
    "date_created": "2031-04-01T08:00:00Z",
    "last_edit": "2031-04-10T08:00:00.000120Z",
    "recent_notes": [],
    "media": [],
}


class CourseIn(Model):
    """A new course. A `client_course_id` that was sent before names the same course again."""

    title: Annotated[str, Text(max=120)]
    description: Annotated[str | None, Text(blank=True, null=True)] = None
    client_course_id: Annotated[str | None, Text(max=64, blank=True, null=True)] = None
    icon: Annotated[int | None, Integer(null=True, doc="Code point of a Material icon")] = None
    color_hue: Annotated[int | None, Integer(min=0, max=359, null=True)] = None


CoursePatch = CourseIn.partial()


class OrderIn(Model):
    """The order of the caller's courses; entries that name none of them are skipped."""

    course_ids: Any = Field(None, json_schema_extra={"type": "array", "items": {"type": "integer"}})


class PageQuery(Model):
    """Which page of a course's notes. Without `limit` the response is a bare list."""

    limit: Annotated[int | None, Integer(doc="1 to 100; makes the response a page.")] = None
    offset: Annotated[int, Integer(doc="How many notes to skip; only with `limit`.")] = 0


class CourseMediaOut(BaseModel):
    """A picture of a course."""

    id: int
    title: str
    description: str | None
    source: str | None
    image_url: str


class CourseOut(BaseModel):
    """A course as the caller sees it."""

    model_config = ConfigDict(json_schema_extra={"examples": [COURSE_EXAMPLE]})

    id: int
    client_course_id: str | None
    slug: str
    title: str
    description: str
    cover_image_url: str
    icon: int | None
    color_hue: int | None
    is_default: bool
    sort_order: int
    owner: AuthorOut | None
    is_owned: bool
    subscriber_count: int
    is_subscribed: bool
    is_private_subscription: bool
    last_opened_at: str | None
    date_created: str
    last_edit: str
    recent_notes: list[NoteItemOut]
    media: list[CourseMediaOut]
