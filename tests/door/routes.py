"""A few routes that exist for these tests only: one of each kind of handler, caller and body."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel
from starlette.datastructures import UploadFile

from api.bodies import DEFAULT_LIMIT
from api.call import Call, json_bytes
from api.fields import (
    Boolean,
    Choice,
    DateTime,
    File,
    Integer,
    Json,
    JsonObject,
    ListOf,
    Model,
    Text,
    Uuid,
)
from api.routing import Route
from commands.errors import NotFound, PreconditionFailed, Unreadable
from projections.reading import Query


class ThingIn(Model):
    """One field of most kinds."""

    title: Annotated[str, Text(max=10)]
    note: Annotated[str | None, Text(blank=True, null=True, trim=False)] = None
    count: Annotated[int, Integer(min=0)] = 0
    kind: Annotated[str, Choice(codes=("A", "B"))] = "A"
    flag: Annotated[bool, Boolean()] = False
    at: Annotated[datetime | None, DateTime(null=True)] = None
    uuid: Annotated[UUID | None, Uuid(null=True)] = None
    ids: Annotated[list[Annotated[int, Integer()]] | None, ListOf(min=1)] = None
    blocks: Annotated[list[Annotated[dict[str, Any], JsonObject()]] | None, ListOf()] = None
    settings: Annotated[dict[str, Any] | None, JsonObject(null=True)] = None
    anything: Annotated[Any, Json(null=True)] = None


class UploadIn(Model):
    """One file."""

    file: Annotated[UploadFile, File()]


class WhoOut(BaseModel):
    """Who asked."""

    viewer: int | None


class PageIn(Model):
    """A query."""

    limit: Annotated[int, Integer(min=1)] = 20


async def echo(call: Call) -> dict[str, Any]:
    """Gives back what was understood."""
    return {"path": call.path, "sent": call.body.sent()}


async def upload(call: Call) -> dict[str, Any]:
    """Tells what arrived."""
    file: UploadFile = call.body.file
    return {"name": file.filename, "bytes": len(await file.read())}


async def whoami(call: Call) -> dict[str, Any]:
    """Asks the database, which authenticates as well."""
    row = await call.ask(Query("SELECT %(viewer)s::bigint", {}))
    assert call.caller is not None
    return {"viewer": row[0], "username": call.caller.username, "kind": call.caller.kind, "limit": call.query.limit}


async def untouched(call: Call) -> dict[str, Any]:
    """Never asks who calls."""
    return {"origin": call.origin, "client": call.client_address, "request_id": call.request_id}


async def path(call: Call) -> dict[str, Any]:
    """Tells which parameters the path held."""
    return call.path


async def media(call: Call) -> Any:
    """Finished JSON with an address of ours inside."""
    return json_bytes(call, b'{"url": "\x1a/media/a.png"}')


def command(call: Call) -> dict[str, Any]:
    """Runs in a thread."""
    context = call.context()
    return {
        "actor": context.actor,
        "channel": context.channel,
        "session": context.session,
        "request_id": context.request_id,
        "thread": threading.current_thread().name,
    }


async def missing(call: Call) -> None:
    """Refuses before anybody was asked who calls."""
    raise NotFound("Note")


async def unreadable(call: Call) -> None:
    """Refuses with the bare list."""
    await call.identify()
    raise Unreadable


async def stale(call: Call) -> None:
    """Refuses with a current state."""
    raise PreconditionFailed({"id": 1})


async def stale_finished(call: Call) -> None:
    """Refuses with a current state as the read models hold it."""
    raise PreconditionFailed(b'{"image": "\x1a/media/a.png"}')


async def crash(call: Call) -> None:
    """A bug."""
    raise RuntimeError("a secret detail")


async def nothing(call: Call) -> None:
    """No content."""


PREFIX = "/api/v1/test"

ROUTES = [
    Route("POST", "/echo/", echo, "Echo", caller="open", body=ThingIn),
    Route("PATCH", "/echo/{thing_id:int}/", echo, "Echo", caller="open", body=ThingIn.partial()),
    Route("POST", "/closed-echo/", echo, "Echo", body=ThingIn),
    Route("POST", "/small/", echo, "Echo", caller="open", body=ThingIn, limit=1000),
    Route("POST", "/upload/", upload, "Upload", caller="open", body=UploadIn, limit=DEFAULT_LIMIT),
    Route("GET", "/whoami/", whoami, "Who", caller="open", query=PageIn, answer=WhoOut, answer_example={"viewer": 8}),
    Route("GET", "/me/", whoami, "Who", query=PageIn),
    Route("GET", "/open/", untouched, "Open", caller="open"),
    Route("GET", "/closed/", untouched, "Closed"),
    Route("GET", "/ignored/", untouched, "Ignored", caller="ignored"),
    Route("GET", "/staff/", untouched, "Staff", caller="staff"),
    Route("POST", "/session/", nothing, "Session", caller="session_only", status=204),
    Route("POST", "/command/", command, "Command", status=201),
    Route("GET", "/media/", media, "Media", caller="open"),
    Route("GET", "/missing/", missing, "Missing"),
    Route("GET", "/unreadable/", unreadable, "Unreadable", caller="open"),
    Route("GET", "/stale/", stale, "Stale", caller="open"),
    Route("GET", "/stale-finished/", stale_finished, "Stale", caller="open"),
    Route("GET", "/crash/", crash, "Crash", caller="ignored"),
    Route("GET", "/things/{thing_id:int}/", path, "Thing", caller="ignored"),
    Route("GET", "/things/uuid/{part:uuid}/", path, "Part", caller="ignored"),
    Route("GET", "/things/{name}/", path, "Named", caller="ignored"),
]
