"""Doors that the web server serves beside the REST API, each loaded when somebody knocks."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import Receive, Scope, Send

from wiring import Services


class FurtherDoor:
    """One of wiring.FURTHER_DOORS. Loading its library would take more than a quarter of a start, for many servers in vain."""

    def __init__(self, name: str, services: Services) -> None:
        self._name = name
        self._services = services
        self._knocked = asyncio.Event()
        self._opened: asyncio.Future[Any] | None = None
        self._door: Any = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """To be held open while requests are served."""
        self._opened = asyncio.get_running_loop().create_future()
        closing = asyncio.Event()
        # A task of its own, since what a door holds open has to be closed by the task that has opened it.
        life = asyncio.create_task(self._live(self._opened, closing))
        try:
            yield
        finally:
            closing.set()
            self._knocked.set()
            await life

    async def _live(self, opened: asyncio.Future[Any], closing: asyncio.Event) -> None:
        await self._knocked.wait()
        if closing.is_set():
            return
        try:
            make = await asyncio.to_thread(_loaded, self._name)
            self._door = make(self._services)
            async with self._door.lifespan():
                opened.set_result(self._door)
                await closing.wait()
        except Exception as error:
            if opened.done():
                raise
            # Told to each who knocks.
            opened.set_exception(error)

    async def end_streams(self) -> None:
        """Ends answers that would go on for as long as their clients listen."""
        if self._door is not None:
            await self._door.end_streams()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        assert self._opened is not None, "the lifespan has not begun"
        self._knocked.set()
        door = await asyncio.shield(self._opened)
        await door(scope, receive, send)


def _loaded(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
