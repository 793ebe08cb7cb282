"""Reads the arguments of a call against the tool's schema (contract: mcp 5, 7; an argument outside it is named)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from toolbox.tool import Tool

_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")
MOST_PROBLEMS = 5
OPAQUE = ("expected_version", "change_id")
"""Texts that some answers show as numbers."""
TRIMMED = ("title", "description", "summary", "query")
"""Texts without the blanks around them, as the REST API reads them."""
TOO_MANY = "must have at most {} entries."


class WrongArguments(Exception):
    """Arguments that the schema does not admit; the text names each of them."""


def read_arguments(tool: Tool, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the tool knows, numbers given as text as numbers. Raises WrongArguments.

    Absent and null stay different. Unknown arguments are left out.
    """
    given = {tool.aliases.get(name, name): value for name, value in sent.items() if name in tool.aliases} | dict(sent)
    _refuse_long_lists(tool, given)
    known = {name: _adapted(given[name], schema) for name, schema in tool.properties.items() if name in given}
    known |= {name: str(known[name]) for name in OPAQUE if type(known.get(name)) is int}
    known |= {name: known[name].strip() for name in TRIMMED if isinstance(known.get(name), str)}
    for name in tool.lenient:
        if name in known:
            known[name] = _lenient(known[name], tool.properties[name])
            if known[name] is None:
                del known[name]
    for name, schema in tool.properties.items():
        if known.get(name, ...) is None and not _takes_null(schema) and name not in tool.required:
            del known[name]
    problems = sorted(_validator(tool).iter_errors(known), key=lambda problem: list(map(str, problem.absolute_path)))
    if problems:
        raise WrongArguments(" ".join(_sentence(problem) for problem in problems[:MOST_PROBLEMS]))
    _refuse_control(known)
    return known


_VALIDATORS: dict[str, Draft202012Validator] = {}
"""By tool; making one costs more than all of a call."""


def _validator(tool: Tool) -> Draft202012Validator:
    if tool.name not in _VALIDATORS:
        _VALIDATORS[tool.name] = Draft202012Validator(tool.input_schema)
    return _VALIDATORS[tool.name]


def _takes_null(schema: Mapping[str, Any]) -> bool:
    return "null" in schema.get("type", ())


def _adapted(value: Any, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "array" and isinstance(value, list):
        return [_adapted(entry, schema["items"]) for entry in value]
    if kind != "integer" and not (isinstance(kind, list) and "integer" in kind):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _lenient(value: Any, schema: Mapping[str, Any]) -> Any:
    """Within its limits, when it is a number; of a list its whole numbers; None when it cannot be used."""
    if isinstance(value, int) and not isinstance(value, bool) and schema.get("type") == "integer":
        return max(schema.get("minimum", value), min(value, schema.get("maximum", value)))
    if schema.get("type") == "integer":
        return value
    if schema.get("type") == "array":
        return [entry for entry in value if type(entry) is int] if isinstance(value, list) else value
    return value if Draft202012Validator(dict(schema)).is_valid(value) else None


def _refuse_long_lists(tool: Tool, given: Mapping[str, Any]) -> None:
    """Before each of their entries is looked at: hundreds of thousands fit into one call, and would keep everybody else waiting."""
    for name, schema in tool.properties.items():
        value, most = given.get(name), schema.get("maxItems")
        if isinstance(value, list) and most is not None and len(value) > most:
            raise WrongArguments(f"{name}: {TOO_MANY.format(most)}")


def _refuse_control(known: Mapping[str, Any]) -> None:
    for name, value in known.items():
        if isinstance(value, str) and "\0" in value:
            raise WrongArguments(f"{name}: NUL characters cannot be stored.")


def _sentence(problem: ValidationError) -> str:
    place = ".".join(str(part) for part in problem.absolute_path)
    rule, limit = problem.validator, cast("Any", problem.validator_value)
    if rule == "required":
        missing = problem.message.split("'")[1]
        return f"{place + '.' if place else ''}{missing}: this argument is required."
    texts = {
        "type": f"must be {_kinds(limit)}.",
        "enum": f"must be one of {limit}.",
        "maxLength": f"must have at most {limit} characters.",
        "minLength": f"must have at least {limit} characters.",
        "minimum": f"must be at least {limit}.",
        "maximum": f"must be at most {limit}.",
        "maxItems": TOO_MANY.format(limit),
        "pattern": "does not have the form that is asked for.",
    }
    return f"{place or 'arguments'}: {texts.get(str(rule), 'is not what this tool takes.')}"


def _kinds(limit: Any) -> str:
    names = {"integer": "a whole number", "string": "text", "boolean": "true or false", "array": "a list", "object": "an object"}
    kinds = limit if isinstance(limit, list) else [limit]
    return " or ".join(names.get(kind, str(kind)) for kind in kinds)
