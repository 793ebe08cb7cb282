"""Field types of request bodies and queries: what each accepts and the sentence it answers otherwise.

Used as annotations, `title: Annotated[str, Text(max=100)]`. Contract: accounts 4, notes 1.5, planner_platform 1.2.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, create_model
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from starlette.datastructures import UploadFile

BIGGEST = 2**63 - 1
"""Whatever is stored as a number fits PostgreSQL's bigint."""

NULL = "This field may not be null."
BLANK = "This field may not be blank."
NUL_CHARACTER = "Null characters are not allowed."

M = TypeVar("M", bound="Model")


class Model(BaseModel):
    """A request body or query. Unknown keys are ignored; `model_fields_set` tells which fields were sent."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    def sent(self) -> dict[str, Any]:
        """The fields that were sent, with their values: what a partial update changes."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    @classmethod
    def partial(cls) -> type[Self]:
        """The same fields, none required: the body of a PATCH. Fields that are not sent are None."""
        fields: dict[str, Any] = {}
        for name, info in cls.model_fields.items():
            optional = copy(info)
            optional.default, optional.default_factory = None, None
            fields[name] = (info.rebuild_annotation(), optional)
        return create_model(f"{cls.__name__}Patch", __base__=cls, __module__=cls.__module__, **fields)


def refuse(message: str, **values: Any) -> PydanticCustomError:
    """The error that becomes `{field: [message]}`; {names} in the message stand for the values."""
    return PydanticCustomError("refused", message, values or None)


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldType:
    """What all field types share. `null` says whether null is a value or an error."""

    null: bool = False
    doc: str = ""

    def read(self, value: Any, form: bool) -> Any:
        """The value of the field, or raises `refuse(...)`. form: it comes from a form, where everything is text."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        raise NotImplementedError

    def _validate(self, value: Any, info: core_schema.ValidationInfo) -> Any:
        if value is None:
            if self.null:
                return None
            raise refuse(NULL)
        return self.read(value, info.context is not None)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = self.schema()
        if self.null:
            described = {"anyOf": [described, {"type": "null"}]}
        return {**described, "description": self.doc} if self.doc else described


def as_text(value: Any, message: str) -> str:
    """Text, or a number as text; anything else is refused with the message."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        text = str(value)
    else:
        raise refuse(message)
    if "\0" in text:
        raise refuse(NUL_CHARACTER)
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Text(FieldType):
    """Text. trim: white space at both ends is cut before everything else. pattern: all of the text has to match."""

    min: int = 0
    max: int | None = None
    blank: bool = False
    trim: bool = True
    pattern: str | None = None
    pattern_message: str = "This value does not match the required pattern."

    def read(self, value: Any, form: bool) -> str:
        message = self.pattern_message if self.pattern else "Not a valid string."
        text = as_text(value, message)
        if self.trim:
            text = text.strip()
        if not text or (not self.blank and not text.strip()):
            if self.blank:
                return text
            raise refuse(BLANK)
        if len(text) < self.min:
            raise refuse("Ensure this field has at least {count} characters.", count=self.min)
        if self.max is not None and len(text) > self.max:
            raise refuse("Ensure this field has no more than {count} characters.", count=self.max)
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise refuse(self.pattern_message)
        return text

    def schema(self) -> dict[str, Any]:
        bounds = {"minLength": self.min or (0 if self.blank else 1), "maxLength": self.max, "pattern": self.pattern}
        return {"type": "string", **{key: value for key, value in bounds.items() if value}}


LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
DOMAIN = re.compile(r"(?=.{1,253}$)((?!-)[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?!-)[^\W\d_](?:[\w-]{0,61}[^\W_])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Email(FieldType):
    """An e-mail address, with its letters as they were sent unless `lower`."""

    max: int = 254
    blank: bool = False
    lower: bool = False

    def read(self, value: Any, form: bool) -> str:
        address = as_text(value, "Enter a valid email address.").strip()
        if not address:
            if self.blank:
                return ""
            raise refuse(BLANK)
        if len(address) > self.max:
            raise refuse("Ensure this field has no more than {count} characters.", count=self.max)
        local, _, domain = address.rpartition("@")
        if len(local) > 64 or not LOCAL_PART.fullmatch(local):
            raise refuse("Enter a valid email address.")
        if domain.lower() != "localhost" and not DOMAIN.fullmatch(domain):
            raise refuse("Enter a valid email address.")
        return address.lower() if self.lower else address

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "email", "maxLength": self.max}


@dataclass(frozen=True, kw_only=True, slots=True)
class Url(FieldType):
    """An absolute address with one of the schemes and a host."""

    max: int = 2000
    blank: bool = False
    schemes: tuple[str, ...] = ("http", "https", "ftp", "ftps")

    def read(self, value: Any, form: bool) -> str:
        text = as_text(value, "Enter a valid URL.").strip()
        if not text:
            if self.blank:
                return ""
            raise refuse(BLANK)
        if len(text) > self.max:
            raise refuse("Ensure this field has no more than {count} characters.", count=self.max)
        try:
            parts = urlsplit(text)
            good = parts.scheme.lower() in self.schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            good = False
        if not good or not text.isprintable() or " " in text:
            raise refuse("Enter a valid URL.")
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uri", "maxLength": self.max}


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Number(FieldType):
    """A finite number, also as text."""

    min: float | None = None
    max: float | None = None

    def read(self, value: Any, form: bool) -> float:
        number = math.nan
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = float(value) if abs(value) < 1e300 else math.nan
        elif isinstance(value, str) and len(value) <= 100:
            try:
                number = float(value)
            except ValueError:
                number = math.nan
        if not math.isfinite(number):
            raise refuse("A valid number is required.")
        if self.min is not None and number < self.min:
            raise refuse("Ensure this value is greater than or equal to {bound}.", bound=f"{self.min:g}")
        if self.max is not None and number > self.max:
            raise refuse("Ensure this value is less than or equal to {bound}.", bound=f"{self.max:g}")
        return number

    def schema(self) -> dict[str, Any]:
        described: dict[str, Any] = {"type": "number"}
        if self.min is not None:
            described["minimum"] = self.min
        if self.max is not None:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice(FieldType):
    """One of the codes, exactly."""

    codes: Sequence[str]
    blank: bool = False

    def read(self, value: Any, form: bool) -> str:
        text = value if isinstance(value, str) else str(value)
        if text in self.codes or (self.blank and text == ""):
            return text
        shown = text if len(text) <= 100 else f"{text[:100]}…"
        raise refuse('"{value}" is not a valid choice.', value=shown)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [*self.codes, *([""] if self.blank else [])]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Uuid(FieldType):
    """A UUID in any of its usual spellings."""

    def read(self, value: Any, form: bool) -> uuid.UUID:
        if isinstance(value, str) and len(value) <= 64:
            try:
                return uuid.UUID(value.strip())
            except ValueError:
                pass
        raise refuse("Must be a valid UUID.")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}


DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
TIME = re.compile(r"[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,12}))?)?\s*(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?")
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
    """An instant, in UTC. Without an offset it is taken as UTC, a bare date as midnight UTC."""

    def read(self, value: Any, form: bool) -> datetime:
        instant = read_instant(value.strip()) if isinstance(value, str) else None
        if instant is None:
            raise refuse(DATETIME_FORMAT)
        return instant

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


def read_instant(text: str) -> datetime | None:
    """The instant that the text names, in UTC; None when it names none."""
    day = DATE.match(text)
    if day is None:
        return None
    rest = text[day.end() :]
    try:
        year, month, number = map(int, day.groups())
        if not rest:
            return datetime(year, month, number, tzinfo=UTC)
        time = TIME.fullmatch(rest)
        if time is None:
            return None
        hour, minute, second, fraction, zone = time.groups()
        micro = int((fraction or "0")[:6].ljust(6, "0"))
        local = datetime(year, month, number, int(hour), int(minute), int(second or 0), micro, _offset(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(zone: str | None) -> timezone:
    if not zone or zone in "Zz":
        return UTC
    minutes = int(zone[1:3]) * 60 + int(zone[3:].lstrip(":") or 0)
    return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))


@dataclass(frozen=True, kw_only=True, slots=True)
class Json(FieldType):
    """Any JSON value; in a form the JSON text of one. max: bytes of its compact text."""

    max: int = 65536

    def read(self, value: Any, form: bool) -> Any:
        if form and isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                raise refuse("Value must be valid JSON.") from None
        try:
            text = orjson.dumps(value)
        except (TypeError, ValueError):
            raise refuse("Value must be valid JSON.") from None
        if len(text) > self.max:
            raise refuse("Ensure this field has no more than {count} bytes.", count=self.max)
        if b"\\u0000" in text and _holds_nul(value):
            raise refuse(NUL_CHARACTER)
        return value

    def schema(self) -> dict[str, Any]:
        return {}


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case list():
            return any(map(_holds_nul, value))
        case dict():
            return any("\0" in key or _holds_nul(member) for key, member in value.items())
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonObject(Json):
    """A JSON object with any members."""

    def read(self, value: Any, form: bool) -> dict[str, Any]:
        value = Json.read(self, value, form)
        if not isinstance(value, dict):
            raise refuse('Expected a dictionary of items but got type "{type}".', type=type(value).__name__)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class File(FieldType):
    """An uploaded file of a multipart body."""

    empty: bool = False

    def read(self, value: Any, form: bool) -> UploadFile:
        if not isinstance(value, UploadFile):
            raise refuse("The submitted data was not a file. Check the encoding type on the form.")
        if not value.size and not self.empty:
            raise refuse("The submitted file is empty.")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ListOf:
    """A JSON list whose items follow their own annotation: `Annotated[list[Annotated[int, Integer()]], ListOf(min=1)]`.

    In a form it is the JSON text of the list.
    """

    min: int = 0
    max: int = 10_000
    null: bool = False
    doc: str = field(default="")

    def _measure(self, value: Any, info: core_schema.ValidationInfo) -> Any:
        if info.context is not None and isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                pass
        if value is None:
            raise refuse(NULL)
        if not isinstance(value, list):
            raise refuse('Expected a list of items but got type "{type}".', type=type(value).__name__)
        if len(value) < self.min:
            raise refuse("Ensure this field has at least {count} elements.", count=self.min)
        if len(value) > self.max:
            raise refuse("Ensure this field has no more than {count} elements.", count=self.max)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = core_schema.with_info_before_validator_function(self._measure, handler(source))
        return core_schema.nullable_schema(schema) if self.null else schema

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = handler(schema)
        bounds = {"minItems": self.min, "maxItems": self.max, "description": self.doc}
        return {**described, **{key: value for key, value in bounds.items() if value}}
