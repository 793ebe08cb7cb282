"""What all fields share: models of bodies and queries, the base of the field types, refusals."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, create_model
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

NULL = "This field may not be null."
BLANK = "This field may not be blank."
NUL_CHARACTER = "Null characters are not allowed."


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
