"""Values with parts: JSON, lists, files."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticOmit, core_schema
from starlette.datastructures import UploadFile

from api.fields.base import NUL_CHARACTER, NULL, FieldType, refuse


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
    """An uploaded file of a multipart body. Models do not describe it, since they describe JSON; api/documented.py does."""

    empty: bool = False

    def read(self, value: Any, form: bool) -> UploadFile:
        if not isinstance(value, UploadFile):
            raise refuse("The submitted data was not a file. Check the encoding type on the form.")
        if not value.size and not self.empty:
            raise refuse("The submitted file is empty.")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        raise PydanticOmit


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
            with suppress(orjson.JSONDecodeError):
                value = orjson.loads(value)
        if value is None:
            raise refuse(NULL)
        if not isinstance(value, list):
            kind = "file" if isinstance(value, UploadFile) else type(value).__name__
            raise refuse('Expected a list of items but got type "{type}".', type=kind)
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
