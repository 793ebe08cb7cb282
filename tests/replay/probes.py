"""Small projections and stories that the tests of the machinery are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eventstore.events import Event, accounts, sessions
from eventstore.events.base import stream_number
from projections.base import Projection, Row, Table, handles
from projections.rows import Rows


@dataclass(slots=True)
class UseRow(Row):
    """How often a session was used."""

    id: int
    device: str
    seen: int
    mark: int = 0


@dataclass(slots=True)
class DeviceRow(Row):
    """How often sessions of a kind of device were used: a row that many streams share."""

    device: str
    seen: int
    mark: int = 0


USES = Table("uses", UseRow, key=("id",), stream="session")
DEVICES = Table("devices", DeviceRow, key=("device",))


class Uses(Projection):
    """Counts the use of sessions. A device called poison makes it fail, and so does using one called frail."""

    name = "uses"
    version = 1
    lifecycle = "following"
    tables = (USES, DEVICES)
    healed = False

    @handles(sessions.SessionStarted)
    def started(self, rows: Rows, event: sessions.SessionStarted) -> None:
        if event.device_label == "poison" and not self.healed:
            raise ValueError("this device cannot be counted")
        rows.add(USES, UseRow(stream_number(event.originator_id), event.device_label, 0), event)
        rows.add(DEVICES, DeviceRow(event.device_label, 0), event)

    @handles(sessions.SessionSeen)
    def seen(self, rows: Rows, event: Event) -> None:
        if row := rows.due(USES, stream_number(event.originator_id), event):
            row.seen += 1
            if device := rows.due(DEVICES, (row.device,), event):
                device.seen += 1


def started(device: str = "Linux", number: int = 0) -> tuple[type[Event], dict[str, Any]]:
    """Somebody signed in."""
    return sessions.SessionStarted, {
        "account_id": 1,
        "key_digest": f"digest {device} {number}",
        "device_label": device,
        "user_agent": "",
        "network_digest": "",
    }


SEEN: tuple[type[Event], dict[str, Any]] = (sessions.SessionSeen, {})


def registered(name: str) -> tuple[type[Event], dict[str, Any]]:
    """Somebody asked for an account."""
    return accounts.AccountRegistered, {"username": name, "email": f"{name}@example.org", "password_hash": None}
