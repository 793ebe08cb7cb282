"""What a tool is: its name and schemas, its hints, and the REST requests that do the same (contract: mcp 7, 8, 12.4)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from eventstore.iso8601 import without_zone
from toolbox.bounding import bounded, cursor_of, glimpse
from toolbox.markdown import NotApplicable
from toolbox.schemas import Schema, text, yes_or_no

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One REST request; the path is below /api/v1/."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Exchange = Generator[Request, Any, Any]
"""Yields requests, is sent their answers as JSON values, returns the tool's result."""
Rest = Callable[[Arguments], Exchange]

LONGEST_VERSION = 8_000
STEERING = ("expected_version", "dry_run", "cursor")
"""Arguments that say how to work, not on what; they are no fields of REST bodies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool.

    reads, destroys, repeatable, open_world: the hints of its annotations; repeatable tools come to the same when called twice.
    lenient: arguments whose wrong values are left out instead of being refused. aliases: other names of arguments.
    subject: what a dry run shows, for tools that only delete: its REST path, or what looks it up and refuses as the call would.
    confirms: what to ask a person before.
    grows: the text or list of REST's answer that may be too long for one result; empty when the exchange sees to that itself.
    """

    name: str
    title: str
    description: str
    properties: Mapping[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    answer: Schema
    rest: Rest
    reads: bool = False
    destroys: bool = False
    repeatable: bool = False
    open_world: bool = False
    lenient: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    subject: str | Rest | None = None
    confirms: str | None = None
    grows: str = "results"

    @property
    def input_schema(self) -> dict[str, Any]:
        """The schema of the arguments."""
        return {"type": "object", "properties": dict(self.properties), "required": list(self.required)}

    @property
    def annotations(self) -> dict[str, bool]:
        """The hints under their names in the protocol. A tool that reads neither destroys nor repeats."""
        hints = {"readOnlyHint": self.reads, "openWorldHint": self.open_world}
        if not self.reads:
            hints |= {"destructiveHint": self.destroys, "idempotentHint": self.repeatable}
        return hints

    def exchange(self, arguments: Arguments) -> Exchange:
        """What the stdio client does for a call."""
        if self.subject is not None and arguments.get("dry_run"):
            look = rest("GET", self.subject) if isinstance(self.subject, str) else self.subject
            found = yield from look(arguments)
            require_seen(found, arguments)
            return {"dry_run": True, "would_change": glimpse(found)}
        answer = yield from self.rest(arguments)
        return bounded(answer, self.grows, cursor_of(arguments)) if self.grows else answer

    def listed(self) -> dict[str, Any]:
        """The tool as tools/list shows it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input_schema,
            "outputSchema": dict(self.answer),
            "annotations": self.annotations,
        }


def expected_version(what: str = "The `version` that you read") -> dict[str, Schema]:
    """The argument that keeps a call from changing what was not seen."""
    described = f"{what}. If it is another one by now, nothing is written and you are told."
    return {"expected_version": text(described, max_length=LONGEST_VERSION, pattern="^[ -~]+$")}


EXPECTED_VERSION = expected_version()
DRY_RUN = {"dry_run": yes_or_no("Only tell what would happen.")}
CURSOR = {"cursor": text("The next_cursor of the answer before.", max_length=200)}
PLACE = {
    "cursor": text(
        "The next_cursor of the answer before. It counts places, which changing or deleting what is listed shifts: read all pages first.",
        max_length=200,
    )
}
"""The cursor of lists out of which entries go, or to whose top they come, when they are changed."""


def rest(
    method: str,
    path: str,
    *,
    query: tuple[str, ...] = (),
    names: Mapping[str, str] | None = None,
    fixed: Mapping[str, Any] | None = None,
    reply: Callable[[Any, Arguments], Any] | None = None,
) -> Rest:
    """One request. Arguments fill the path; `query` ones go behind it, the others into the body of a method that has one.

    names: what an argument is called in REST, where that differs. fixed: further members of the body.
    reply: makes the tool's result of the answer.
    """
    renamed = names or {}

    def exchange(arguments: Arguments) -> Exchange:
        inside = {name for name in arguments if "{" + name + "}" in path}
        asked = {renamed.get(name, name): _as_query(arguments[name]) for name in query if arguments.get(name) is not None}
        sent = {
            renamed.get(name, name): value
            for name, value in arguments.items()
            if name not in inside and name not in query and name not in STEERING
        }
        body = {**sent, **(fixed or {})} if method in ("POST", "PATCH") else None
        place = path.format_map({name: _one_part(arguments[name]) for name in inside})
        answer = yield Request(method, place, asked, body, expecting(arguments))
        return answer if reply is None else reply(answer, arguments)

    return exchange


def _one_part(value: Any) -> str:
    """As it stands in a path: a text stays one part of it, whatever is in it; dots alone would lead upwards."""
    return quote(str(value), safe="").replace(".", "%2E")


def expecting(arguments: Arguments) -> dict[str, str]:
    """The header by which the REST API refuses to change another version than the one that was seen."""
    expected = arguments.get("expected_version")
    return {} if expected is None else {"If-Match": f'"{expected}"'}


def require_seen(thing: Any, arguments: Arguments) -> None:
    """Raises NotApplicable when another version of the thing was expected, by the API's rule for If-Match: times may end in Z or +00:00."""
    expected = arguments.get("expected_version")
    if expected in (None, "*") or not isinstance(thing, Mapping) or "id" not in thing:
        return
    # Files have no edits, nor numbers as versions.
    now = thing["last_edit"] if "last_edit" in thing else thing["date_created"]
    if without_zone(expected) not in map(without_zone, (now, str(thing.get("version", "")))):
        raise NotApplicable(f"Changed meanwhile: its version is now {now}. Read it again, then decide anew.")


def deleted(name: str, key: str = "deleted") -> Callable[[Any, Arguments], Any]:
    """The result of a deletion: that it happened, and of what."""
    return lambda _, arguments: {key: True, name: arguments[name]}


def _as_query(value: Any) -> Any:
    return ("1" if value else "0") if isinstance(value, bool) else value
