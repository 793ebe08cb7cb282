"""Finding the route of a path in a few dictionary look-ups, however many routes there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

from api.errors import InvalidFields, NoSuchName
from api.fields import BIGGEST

T = TypeVar("T")

PARAMETER = re.compile(r"\{(\w+)(?::(int|uuid|path|str))?\}")
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MOST_PARAMETERS = 200


def segments(path: str) -> Iterator[tuple[str, str]]:
    """(kind, name) of each segment; the kind of fixed text is empty."""
    for part in path.strip("/").split("/"):
        match = PARAMETER.fullmatch(part)
        yield (match[2] or "str", match[1]) if match else ("", part)


@dataclass(slots=True)
class _Node(Generic[T]):
    fixed: dict[str, _Node[T]] = field(default_factory=dict)
    parameters: dict[str, _Node[T]] = field(default_factory=dict)
    methods: dict[str, tuple[T, tuple[str, ...]]] = field(default_factory=dict)


class PathTable(Generic[T]):
    """Paths with parameters and what is served there by method. Fixed text wins over int, uuid, text and rest, in this order."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, path: str, target: T) -> None:
        """Adds a target. Raises ValueError when there is one already."""
        node, names = self._root, list[str]()
        for kind, name in segments(path):
            if kind:
                names.append(name)
                node = node.parameters.setdefault(kind, _Node())
            else:
                node = node.fixed.setdefault(name, _Node())
        if method in node.methods:
            raise ValueError(f"{method} {path} is served twice")
        node.methods[method] = (target, tuple(names))

    def find(self, path: str) -> tuple[dict[str, tuple[T, tuple[str, ...]]], list[Any]] | None:
        """What is served at the path, by method, with the values of its parameters; None when nothing is.

        Raises NoSuchName where a uuid belongs and something else stands.
        """
        if "\0" in path:
            return None
        parts = path[1:].split("/")
        if len(parts) > 1 and not parts[-1]:
            parts.pop()
        found = _find(self._root, parts, 0)
        if found is not None and None in found[1]:
            raise NoSuchName
        return found


def _find(node: _Node[T], parts: list[str], at: int) -> tuple[dict[str, tuple[T, tuple[str, ...]]], list[Any]] | None:
    if at == len(parts):
        return (node.methods, []) if node.methods else None
    part = parts[at]
    inner = node.fixed.get(part)
    if inner is not None and (found := _find(inner, parts, at + 1)):
        return found
    for kind in ("int", "uuid", "str"):
        inner = node.parameters.get(kind)
        if inner is not None and (value := _value(kind, part)) is not None and (found := _find(inner, parts, at + 1)):
            found[1].insert(0, value)
            return found
    inner = node.parameters.get("path")
    if inner is not None and inner.methods:
        return inner.methods, ["/".join(parts[at:])]
    inner = node.parameters.get("uuid")
    if inner is not None and (found := _find(inner, parts, at + 1)):
        found[1].insert(0, None)
        return found
    return None


def _value(kind: str, part: str) -> Any:
    if kind == "int":
        if not (part.isascii() and part.isdigit()):
            return None
        # A number beyond the largest id names nothing: the handlers answer that themselves, for the largest as well.
        return min(int(part), BIGGEST) if len(part) < 100 else BIGGEST
    if kind == "uuid":
        return UUID(part) if UUID_TEXT.fullmatch(part) else None
    return part or None


def query_parameters(raw: bytes) -> dict[str, str]:
    """The parameters of a query string, the last one of each name."""
    if not raw:
        return {}
    try:
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        raise InvalidFields({"non_field_errors": [f"More than {MOST_PARAMETERS} query parameters."]}) from None
