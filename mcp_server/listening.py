"""Change notices to listeners on every worker, each account's own only (contract: mcp 12.5, 12.8).

Each worker that has listeners follows the log by itself. Notices are hints: a client reads again what it was told about.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson
import structlog
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourcesListChanged, ResourceUpdated
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, SubscriptionsListenRequestParams, SubscriptionsListenResult

from eventstore.database import UNAVAILABLE
from eventstore.reader import LogReader, LogRow
from mcp_server.callers import present
from mcp_server.resources import SCHEME, note_uri
from wiring import Services

PAUSE_S = 0.25
ROWS = 500
STREAMS_PER_ACCOUNT = 32
APPEARING = frozenset({"NoteCreated", "NoteDeleted", "NoteRestored", "NotePurged", "NoteRenamed"})
ENDING = frozenset({"ApiKeyRotated", "AccountDisabled", "AccountErasureRequested", "AccountErased"})
"""After these the key that a listener came with may not be good any more: its streams end, and it has to come again."""
WEEK = f"{SCHEME}week/"
IN_WEEKS = frozenset({"planner-event", "note-session", "calendar-feed", "planner"})
"""Kinds of streams whose events may change what a week shows."""
_HEAD = "SELECT coalesce(max(position), 0) FROM log.events"
log = structlog.get_logger("notechondria.mcp")


class Listeners:
    """The open subscriptions of this process, by account."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: dict[int, tuple[InMemorySubscriptionBus, ListenHandler, int]] = {}
        self._weeks: Counter[tuple[int, str]] = Counter()
        """How often a week is listened to, by account and address: which ones a plan is in is not looked up."""
        self._follower: asyncio.Task[None] | None = None

    async def __call__(self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """Serves one subscription until its client goes away."""
        account_id = present().account_id
        if account_id not in self._open:
            bus = InMemorySubscriptionBus()
            self._open[account_id] = (bus, ListenHandler(bus, max_subscriptions=STREAMS_PER_ACCOUNT), 0)
        bus, handler, count = self._open[account_id]
        self._open[account_id] = (bus, handler, count + 1)
        weeks = [(account_id, uri) for uri in params.notifications.resource_subscriptions or () if uri.startswith(WEEK)]
        self._weeks.update(weeks)
        try:
            await self._follow()
            return await handler(ctx, params)
        finally:
            self._leave(account_id, handler)
            self._weeks -= Counter(weeks)

    async def close(self) -> None:
        """Ends all subscriptions."""
        if self._follower is not None:
            self._follower.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._follower
        for _, handler, _ in list(self._open.values()):
            handler.close()

    def _leave(self, account_id: int, handler: ListenHandler) -> None:
        known = self._open.get(account_id)
        if known is None or known[1] is not handler:
            return
        bus, _, count = known
        if count > 1:
            self._open[account_id] = (bus, handler, count - 1)
        else:
            del self._open[account_id]

    async def _follow(self) -> None:
        if self._follower is not None and not self._follower.done():
            return
        try:
            head = await asyncio.to_thread(self._head)
        except UNAVAILABLE:
            raise MCPError(INTERNAL_ERROR, "The server cannot watch for changes at the moment.") from None
        if self._follower is None or self._follower.done():
            self._follower = asyncio.create_task(self._run(head))

    async def _run(self, position: int) -> None:
        reader = LogReader(self._services.thread_pool)
        while self._open:
            try:
                rows = await asyncio.to_thread(reader.read, position, ROWS)
            except UNAVAILABLE:
                rows = []
            for row in rows:
                await self._tell(row)
                position = row.position
            if len(rows) < ROWS:
                await asyncio.sleep(PAUSE_S)

    def _head(self) -> int:
        with self._services.thread_pool.connection() as connection:
            row = connection.execute(_HEAD).fetchone()
        return int(row[0]) if row else 0

    async def _tell(self, row: LogRow) -> None:
        kind, _, number = row.stream.rpartition("-")
        if kind == "account" and row.type in ENDING:
            known = self._open.pop(int(number), None)
            if known is not None:
                known[1].close()
            return
        try:
            actor = orjson.loads(row.metadata).get("actor")
        except ValueError:
            return
        known = self._open.get(actor)
        if known is None:
            return
        weeks = [uri for account_id, uri in self._weeks if account_id == actor] if kind in IN_WEEKS else []
        for uri in (*changed(kind, number), *weeks):
            await known[0].publish(ResourceUpdated(uri=uri))
        if row.type in APPEARING:
            await known[0].publish(ResourcesListChanged())


def changed(kind: str, number: str) -> Iterable[str]:
    """The addresses whose contents an event of this stream changes."""
    match kind:
        case "note":
            return (note_uri(int(number)), f"{note_uri(int(number))}/metadata", f"{SCHEME}heatmap")
        case "course":
            return (f"{SCHEME}courses/{number}", f"{SCHEME}courses")
        case "account" | "planner":
            return (f"{SCHEME}profile", f"{SCHEME}skill")
        case "planner-event":
            return (f"{SCHEME}heatmap",)
    return ()
