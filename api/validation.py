"""From what was sent to a validated model, with errors as `{field: [messages]}` (contract: accounts 3 and 4, notes 1.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.errors import InvalidFields
from api.fields import Model

M = TypeVar("M", bound=Model)

REQUIRED = "This field is required."
NON_FIELD = "non_field_errors"
FROM_FORM = {"form": True}


def validated(model: type[M], sent: Any, *, form: bool = False) -> M:
    """The model made of the sent object; raises InvalidFields with all the errors of all fields."""
    if not isinstance(sent, dict):
        text = "No data provided" if sent is None else _not_an_object(sent)
        raise InvalidFields({NON_FIELD: [text]})
    try:
        return model.model_validate(sent, context=FROM_FORM if form else None)
    except ValidationError as error:
        raise InvalidFields(messages(error.errors(include_url=False))) from None


def messages(errors: Iterable[ErrorDetails]) -> dict[str, Any]:
    """The errors by field; those of list items by their index, those of nested objects by their fields."""
    found: dict[str, Any] = {}
    for error in errors:
        path = [str(part) for part in error["loc"]] or [NON_FIELD]
        place = found
        for part in path[:-1]:
            inner = place.setdefault(part, {})
            if isinstance(inner, list):
                inner = place[part] = {NON_FIELD: inner}
            place = inner
        told = place.setdefault(path[-1], [])
        if isinstance(told, dict):
            told = told.setdefault(NON_FIELD, [])
        told.append(_message(error))
    return found


def _message(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return REQUIRED
        case "model_type" | "model_attributes_type" | "dict_type":
            return f'Expected a dictionary of items but got type "{type(error["input"]).__name__}".'
        case "value_error":
            return str(error["ctx"]["error"])
    return error["msg"]


def _not_an_object(value: Any) -> str:
    return f"Invalid data. Expected a dictionary, but got {type(value).__name__}."
