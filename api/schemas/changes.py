"""Shapes of changes and of taking them back."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel

from api.fields import Integer, Model, Text
from api.schemas.notes import QueryInteger


class ChangesQuery(Model):
    """Which part of the list."""

    limit: Annotated[int | None, QueryInteger(doc="1 to 100, default 20.")] = None
    before: Annotated[int | None, QueryInteger(min=1, doc="The id of a change: only older ones.")] = None


class UndoIn(Model):
    """What to undo; without an id, the last change that was not undone."""

    change: Annotated[int | None, Integer(min=1, null=True, doc="The id of a change.")] = None


class UndoQuery(Model):
    """What would be undone; without an id, the last change that was not undone."""

    change: Annotated[int | None, QueryInteger(min=1, doc="The id of a change.")] = None
    key: Annotated[str | None, Text(blank=True, doc="The beginning of an API key: only what assistants did with it.")] = None


class TouchedOut(BaseModel):
    """Something that a change touched."""

    kind: str
    id: int
    title: str | None


class ChangeOut(BaseModel):
    """What one command did."""

    id: int
    command: str
    at: str
    actor: str
    channel: str
    client: str | None
    key: str | None
    summary: str
    types: list[str]
    items: list[TouchedOut]
    undone: bool
    undoes: str | None
    can_undo: bool


class ChangesOut(BaseModel):
    """A page of the caller's changes, newest first."""

    results: list[ChangeOut]
    has_more: bool
    next_before: int | None


class UndoPreviewOut(BaseModel):
    """What would be undone."""

    change: int
    command: str
    summary: str
    publishes: bool


class UndoneOut(BaseModel):
    """What was undone."""

    undone: int
    command: str
    message: str
