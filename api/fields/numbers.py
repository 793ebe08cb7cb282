"""Numbers and truth values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from api.fields.base import FieldType, refuse

BIGGEST = 2**63 - 1
"""Whatever is stored as a number fits PostgreSQL's bigint."""


INTEGER = re.compile(r"\s*([+-]?[0-9]{1,19})(\.0*)?\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Integer(FieldType):
    """A whole number, also as text of digits."""

    min: int = -BIGGEST
    max: int = BIGGEST

    def read(self, value: Any, form: bool) -> int:
        number: int | None = None
        if isinstance(value, str):
            match = INTEGER.fullmatch(value)
            number = int(match[1]) if match else None
        elif isinstance(value, float):
            number = int(value) if value.is_integer() else None
        elif isinstance(value, int) and not isinstance(value, bool):
            number = value
        if number is None or abs(number) > BIGGEST:
            raise refuse("A valid integer is required.")
        if number < self.min:
            raise refuse("Ensure this value is greater than or equal to {bound}.", bound=self.min)
        if number > self.max:
            raise refuse("Ensure this value is less than or equal to {bound}.", bound=self.max)
        return number

    def schema(self) -> dict[str, Any]:
        described: dict[str, Any] = {"type": "integer"}
        if self.min > -BIGGEST:
            described["minimum"] = self.min
        if self.max < BIGGEST:
            described["maximum"] = self.max
        return described


TRUE = frozenset({"t", "y", "yes", "true", "on", "1"})
FALSE = frozenset({"f", "n", "no", "false", "off", "0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Boolean(FieldType):
    """A truth value in one of its usual spellings."""

    def read(self, value: Any, form: bool) -> bool | None:
        if isinstance(value, bool):
            return value
        if isinstance(value, (int, float)) and value in (0, 1):
            return value == 1
        if isinstance(value, str):
            word = value.strip().lower()
            if word in TRUE:
                return True
            if word in FALSE:
                return False
            if self.null and word in ("", "null"):
                return None
        raise refuse("Must be a valid boolean.")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}
