"""Who acts, through which door, in which request: what every command is given and every event remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from eventsourcing.persistence import StoredEvent

from eventstore.identifiers import unique_id

LONGEST_CLIENT = 120


def readable(name: str | None) -> str:
    """The name of a client program as it is kept: printable, and not too long."""
    return "".join(character for character in name or "" if character.isprintable())[:LONGEST_CLIENT]


def utc_now() -> datetime:
    """The server's clock. Times inside a stream never run backwards even when it does (see Aggregate.trigger)."""
    return datetime.now(UTC)


class Glimpse(NamedTuple):
    """What a stream was like a moment ago."""

    version: int | None
    """None when there is no such stream."""
    missed: Sequence[StoredEvent] = ()
    """Events that other processes have appended behind the version that this one remembers; not all, if there are many."""

    def since(self, version: int) -> Sequence[StoredEvent] | None:
        """All events behind a version; None when they are not known."""
        missed = [event for event in self.missed if event.originator_version > version]
        return missed if version + len(missed) == self.version else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances of one command."""

    actor: int | None
    """The acting account; None for the system itself or somebody who has no account yet."""
    channel: str
    """web, api_key, mcp:<tool>, cli or system."""
    request_id: str = ""
    session: int | None = None
    client: str | None = None
    """The assistant or device that acts, where it is known."""
    key: str | None = None
    """The beginning of the API key that it acts with."""
    reason: str | None = None
    """Why an operator did it."""
    causation: int | None = None
    """Position of the event that this reacts to, for reactors."""
    expects: str | None = None
    """The versions of the changed thing that the caller accepts, as an If-Match header names them; see commands.preconditions."""
    undoes: str | None = None
    """The command id whose effect this one takes back."""
    seen: Mapping[str, Glimpse] = field(default_factory=dict)
    """Streams that were looked at a moment ago: what this process remembers of them, and has not missed, is current."""
    now: datetime = field(default_factory=utc_now)
    command: str = field(default_factory=unique_id)
    """Unique per command: groups its events, and tells an own append from a conflict after a lost connection."""

    def metadata(self) -> bytes:
        """What is stored with each event, as compact JSON; parts that are not known are left out."""
        about: dict[str, Any] = {"actor": self.actor, "channel": self.channel, "command": self.command}
        for name in ("request_id", "session", "client", "key", "reason", "causation", "undoes"):
            value = getattr(self, name)
            if value:
                about[name] = value.replace("\0", "") if isinstance(value, str) else value
        return orjson.dumps(about)
