"""Change notices to listeners on every worker, each account's own only (contract: mcp 12.5, 12.8).

Each worker that has listeners follows the log by itself. Whose thing it is gets told of a change, whoever made it. Notices are hints: a
client reads again what it was told about.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourcesListChanged, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, SubscriptionsListenRequestParams, SubscriptionsListenResult

from eventstore.database import UNAVAILABLE
from eventstore.events.attachments import AttachmentUploaded
from eventstore.events.base import stream_kind, stream_number, stream_numbers
from eventstore.events.notes import NoteCreated, NoteFiled
from eventstore.reader import LogReader, LogRow, newest_positions, rows_of_types
from mcp_server.callers import present
from mcp_server.resources import SCHEME, note_uri
from projections.owners import owners_of
from projections.reading import Credentials, Rejected
from wiring import Services

PAUSE_S = 0.25
ROWS = 500
STREAMS_PER_KEY = 32
"""So many subscriptions one key may have open on each worker. An account has one key at a time."""
APPEARING = frozenset({"NoteCreated", "NoteDeleted", "NoteRestored", "NotePurged", "NoteRenamed"})
ENDING = frozenset({"ApiKeyRotated", "AccountDisabled", "AccountErasureRequested", "AccountErased"})
"""After these the key that a listener came with may not be good any more: that is looked at, and its streams end."""
WEEK = f"{SCHEME}week/"
IN_WEEKS = frozenset({"planner-event", "note-session", "calendar-feed", "planner"})
"""Kinds of streams whose events may change what a week shows."""
ACCOUNTS_OWN = frozenset({"account", "planner", "subscription"})
"""Kinds of streams that are named after their account; a subscription-<account>-<course> also after what it lets that account see."""
Filing = tuple[int, int | None]
"""A version of a note, and the course in which it lies from then on."""
KEY_CHANGED = "The key cannot be used any more."
UNWATCHED = "The server cannot watch for changes at the moment."
LATECOMERS = 1000
"""So many positions behind the newest one are looked at for events that were still being written when listening began."""
NOBODY = Credentials("none")
log = structlog.get_logger("notechondria.mcp")


@dataclass
class _Audience:
    """The listeners of one key."""

    bus: InMemorySubscriptionBus = field(default_factory=InMemorySubscriptionBus)
    handler: ListenHandler = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        self.handler = ListenHandler(self.bus, max_subscriptions=STREAMS_PER_KEY)


class Listeners:
    """The open subscriptions of this process, by account."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: dict[int, dict[Credentials, _Audience]] = {}
        self._weeks: Counter[tuple[int, str]] = Counter()
        """How often a week is listened to, by account and address: which ones a plan is in is not looked up."""
        self._follower: asyncio.Task[None] | None = None

    async def __call__(self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """Serves one subscription until its client goes away."""
        account_id, credentials = present().account_id, present().credentials
        audience = self._open.setdefault(account_id, {}).setdefault(credentials, _Audience())
        audience.count += 1
        weeks = [(account_id, uri) for uri in params.notifications.resource_subscriptions or () if uri.startswith(WEEK)]
        self._weeks.update(weeks)
        try:
            await self._follow()
            # The key may have been replaced after it was admitted and before the log was followed.
            await self._end_unless_good(account_id, credentials)
            # Nothing is awaited between this and the stream's place among those that a rotation of the key closes.
            if self._open.get(account_id, {}).get(credentials) is not audience:
                raise MCPError(INTERNAL_ERROR, KEY_CHANGED)
            return await audience.handler(ctx, params)
        finally:
            audience.count -= 1
            if not audience.count:
                self._forget(account_id, credentials, audience)
            self._weeks -= Counter(weeks)

    async def close(self) -> None:
        """Ends all subscriptions."""
        if self._follower is not None:
            self._follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._follower
        for audiences in list(self._open.values()):
            for audience in audiences.values():
                audience.handler.close()

    def _forget(self, account_id: int, credentials: Credentials, audience: _Audience) -> None:
        known = self._open.get(account_id, {})
        if known.get(credentials) is audience:
            del known[credentials]
            if not known:
                del self._open[account_id]

    async def _end_unless_good(self, account_id: int, credentials: Credentials) -> None:
        """Ends what listens with a key that is not good any more, or of which that cannot be told."""
        try:
            await self._services.reader.identify(credentials)
        except (Rejected, *UNAVAILABLE):
            audience = self._open.get(account_id, {}).get(credentials)
            if audience is not None:
                self._forget(account_id, credentials, audience)
                audience.handler.close()

    async def _follow(self) -> None:
        if self._follower is not None and not self._follower.done():
            return
        try:
            newest = await asyncio.to_thread(self._newest)
        except UNAVAILABLE:
            raise MCPError(INTERNAL_ERROR, UNWATCHED) from None
        if self._follower is None or self._follower.done():
            self._follower = asyncio.create_task(self._run(newest))

    async def _run(self, known: frozenset[int]) -> None:
        """Tells of what is not known yet, from the first gap in it on. Goes on after any error."""
        reader = LogReader(self._services.thread_pool)
        position = min(known, default=1) - 1
        failed = False
        while self._open:
            rows: Sequence[LogRow] = ()
            try:
                if failed:
                    newest = await asyncio.to_thread(self._newest)
                    if max(newest, default=0) < max(position, *known, 0):
                        # The log is another one, restored from a backup: its end is where this goes on.
                        known, position = newest, min(newest, default=1) - 1
                rows = await asyncio.to_thread(reader.read, position, ROWS)
                unheard = [row for row in rows if row.position not in known]
                owners = await asyncio.to_thread(self._owners, unheard) if unheard else {}
                mine = [row.stream for row in unheard if owners.get(row.stream) in self._open]
                filings = await asyncio.to_thread(self._filings, mine)
                files = await asyncio.to_thread(self._files, mine)
                failed = False
            except Exception as error:
                # A follower that ends would leave its listeners without a word.
                if not failed:
                    log.warning("cannot follow the log, trying again", exc_info=not isinstance(error, UNAVAILABLE), error=repr(error))
                failed, rows, unheard, owners, filings, files = True, (), [], {}, {}, {}
            for row in unheard:
                await self._try_to_tell(row, owners.get(row.stream), filings.get(row.stream, ()), files.get(row.stream))
            if rows:
                position = rows[-1].position
            if len(rows) < ROWS:
                await asyncio.sleep(PAUSE_S)

    def _newest(self) -> frozenset[int]:
        with self._services.thread_pool.connection() as connection:
            return frozenset(newest_positions(connection, LATECOMERS))

    def _owners(self, rows: Sequence[LogRow]) -> dict[str, int]:
        _, (streams, owners) = self._services.reader.ask_now(owners_of({row.stream for row in rows}), NOBODY)
        return dict(zip(streams, owners, strict=True))

    def _filings(self, streams: Sequence[str]) -> dict[str, list[Filing]]:
        """Of the notes among these streams."""
        notes = list({stream for stream in streams if stream_kind(stream) == "note"})
        found: dict[str, list[Filing]] = {}
        if notes:
            with self._services.thread_pool.connection() as connection:
                filings = [row.decoded().event for row in rows_of_types(connection, notes, ("NoteCreated", "NoteFiled"))]
            for event in filings:
                assert isinstance(event, NoteCreated | NoteFiled)
                found.setdefault(event.originator_id, []).append((event.originator_version, event.course_id))
        return found

    def _files(self, streams: Sequence[str]) -> dict[str, str]:
        """The addresses of the files among these streams."""
        files = list({stream for stream in streams if stream_kind(stream) == "attachment"})
        if not files:
            return {}
        with self._services.thread_pool.connection() as connection:
            uploads = [row.decoded().event for row in rows_of_types(connection, files, ("AttachmentUploaded",))]
        return {
            event.originator_id: f"{note_uri(event.note_id)}/attachments/{stream_number(event.originator_id)}"
            for event in uploads
            if isinstance(event, AttachmentUploaded)
        }

    async def _try_to_tell(self, row: LogRow, owner: int | None, filings: Sequence[Filing], file: str | None) -> None:
        try:
            listing = [f"{SCHEME}courses/{course}" for course in courses_of(row, filings)]
            await self._tell(row, owner, listing if file is None else [file])
        except Exception:
            # One event of which nobody can be told does not keep the others back.
            log.exception("cannot tell of an event", position=row.position)

    async def _tell(self, row: LogRow, owner: int | None, addresses: Sequence[str]) -> None:
        """Tells the owner of the thing, whoever changed it; where nobody owns it any more, who did that.

        addresses: that change beside those which the stream's name tells.
        """
        kind, (first, *_) = stream_kind(row.stream), stream_numbers(row.stream)
        if kind == "account" and row.type in ENDING:
            for credentials in list(self._open.get(first, ())):
                await self._end_unless_good(first, credentials)
            return
        if kind in ACCOUNTS_OWN:
            owner = first
        listener = _actor(row) if owner is None else owner
        audiences = [] if listener is None else list(self._open.get(listener, {}).values())
        if not audiences:
            return
        weeks = [uri for account_id, uri in self._weeks if account_id == listener] if kind in IN_WEEKS else []
        told: list[ServerEvent] = [ResourceUpdated(uri=uri) for uri in (*changed(row.stream), *addresses, *weeks)]
        if row.type in APPEARING:
            told.append(ResourcesListChanged())
        for audience in audiences:
            for event in told:
                await audience.bus.publish(event)


def _actor(row: LogRow) -> int | None:
    try:
        actor = orjson.loads(row.metadata).get("actor")
    except ValueError:
        return None
    return actor if isinstance(actor, int) else None


def courses_of(row: LogRow, filings: Iterable[Filing]) -> set[int]:
    """The courses that list the note of this row: where it lies, and where it lay before the row moved it."""
    until = [course for version, course in filings if version <= row.version]
    return {course for course in until[-2 if row.type == "NoteFiled" else -1 :] if course is not None}


def changed(stream: str) -> Iterable[str]:
    """The addresses whose contents an event of this stream changes."""
    number = stream_number(stream)
    match stream_kind(stream):
        case "note":
            return (note_uri(number), f"{note_uri(number)}/metadata", f"{SCHEME}heatmap")
        case "course" | "subscription":
            return (f"{SCHEME}courses/{number}", f"{SCHEME}courses")
        case "account" | "planner":
            return (f"{SCHEME}profile", f"{SCHEME}skill")
        case "planner-event":
            return (f"{SCHEME}heatmap",)
    return ()
