"""Shapes of the recycle bin."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

Kind = Literal["note", "course", "attachment", "calendar", "event"]


class BinEntryOut(BaseModel):
    """Something that can be restored."""

    kind: Kind
    id: int
    title: str
    deleted_at: str
