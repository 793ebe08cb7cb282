"""Fields that name other things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.fields import BIGGEST, FieldType


@dataclass(frozen=True, kw_only=True, slots=True)
class CourseReference(FieldType):
    """A course by id. Whatever is no positive number means no course: clients send ids of courses that only they know."""

    def read(self, value: Any, form: bool) -> int | None:
        if isinstance(value, str) and len(value) < 20:
            value = int(value) if value.strip().isascii() and value.strip().isdigit() else None
        elif isinstance(value, float):
            value = int(value) if value.is_integer() else None
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return min(value, BIGGEST)
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "integer"}
