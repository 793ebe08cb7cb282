"""One tool call as its handler sees it, and the register of handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import orjson

from commands.context import Context
from commands.errors import NotFound
from commands.handling import Once, Statement, Work
from commands.lookups import Lookups
from commands.preconditions import ANY
from mcp_server.callers import Assistant
from mcp_server.refusals import ToolRefusal
from projections.reading import Query
from projections.wire import resolved
from toolbox.tool import Tool
from wiring import Services

T = TypeVar("T")
Result = dict[str, Any]
Decide = Callable[[Work[Lookups]], T]


@dataclass
class ToolCall:
    """A call whose arguments were checked. The handler answers with the tool's result."""

    tool: Tool
    arguments: Mapping[str, Any]
    assistant: Assistant
    services: Services
    threads: Executor
    client: str
    """The assistant's name and version, as far as it told."""
    nonce: str | None = None
    """What makes a confirmed call take effect once."""
    seen: str | None = None
    """The version that the user was asked about, where what they agreed to has one."""
    notices: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or what counts when it is missing."""
        return self.arguments.get(name, default)

    def given(self, *names: str) -> dict[str, Any]:
        """Those of these arguments that were sent, null or not."""
        return {name: self.arguments[name] for name in names if name in self.arguments}

    @property
    def account_id(self) -> int:
        """The account that the assistant acts for."""
        return self.assistant.account_id

    @property
    def title(self) -> str:
        """The title, which has to hold something. Raises ToolRefusal."""
        title: str = self.arguments["title"].strip()
        if not title:
            raise ToolRefusal("title: may not be blank.")
        return title

    @property
    def dry_run(self) -> bool:
        """Whether nothing may be written."""
        return bool(self.arguments.get("dry_run"))

    def noticed(self) -> Result:
        """The member that tells what to bear in mind about the result; none when there is nothing."""
        return {"notice": " ".join(dict.fromkeys(self.notices))} if self.notices else {}

    @cached_property
    def context(self) -> Context:
        """The circumstances of the command: tool, client and key are remembered with every event."""
        return Context(
            actor=self.account_id,
            channel=f"mcp:{self.tool.name}",
            request_id=self.assistant.request_id,
            client=self.client,
            key=self.assistant.key_prefix,
            expects=self._expected(),
        )

    def _expected(self) -> str | None:
        named: str | None = self.arguments.get("expected_version")
        return self.seen if self.seen is not None and named in (None, ANY) else named

    async def ask(self, query: Query) -> tuple[Any, ...]:
        """The answer's row, for this account."""
        _, row = await self.services.reader.ask(query, self.assistant.credentials)
        return row

    async def read(self, query: Query, column: int = 0) -> Any:
        """The JSON in a column of the answer's row; None when there is none."""
        return self.parsed((await self.ask(query))[column])

    def found(self, row: tuple[Any, ...], thing: str) -> Any:
        """The JSON that a command's answer begins with. Raises NotFound when the read models do not show it."""
        if not row or row[0] is None:
            raise NotFound(thing)
        return self.parsed(row[0])

    def parsed(self, body: bytes | str | None) -> Any:
        """A read model's JSON as values."""
        if body is None:
            return None
        return orjson.loads(resolved(body, self.assistant.origin))

    async def run(
        self,
        decide: Decide[T],
        answer: Callable[[T], Statement | None] | None = None,
        conflicts: Mapping[str, Exception] | None = None,
    ) -> tuple[T, tuple[Any, ...]]:
        """Carries out a command; returns the decision's result and the answer's row.

        A call that is given up still commits whole or not at all.
        """
        once = None
        if self.nonce is not None:
            once = Once(self.account_id, f"mcp:{self.nonce}", self.nonce.encode(), lambda *_: (200, b""))
        run = self.services.commands.run
        outcome = await asyncio.shield(self.in_thread(lambda: run(decide, self.context, answer=answer, conflicts=conflicts, once=once)))
        return outcome.result, outcome.row or ()

    async def preview(self, decide: Decide[T]) -> T:
        """What a command would come to; nothing is written."""
        return await self.in_thread(lambda: self.services.commands.preview(decide, self.context))

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Runs blocking work off the event loop."""
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self.threads, context.run, work)


Handler = Callable[[ToolCall], Awaitable[Result]]
HANDLERS: dict[str, Handler] = {}


def serves(name: str) -> Callable[[Handler], Handler]:
    """Marks a function as what a tool does."""

    def mark(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return mark
