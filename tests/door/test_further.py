"""Doors beside the REST API open when somebody knocks, once, and close with the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, cast

import pytest

from api.further import FurtherDoor
from wiring import Services


class Counted:
    """A door that tells what happened to it."""

    lives: ClassVar[list[str]] = []

    def __init__(self, services: Services) -> None:
        self.lives.append("made")

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        await asyncio.sleep(0.01)
        self.lives.append("opened")
        # Has to be left by the task that has entered it.
        async with asyncio.timeout(60):
            yield
        self.lives.append("closed")

    async def end_streams(self) -> None:
        self.lives.append("streams ended")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.lives.append("answered")


SERVICES = cast(Services, None)
"""The door above needs none."""


async def _nothing(*_: Any) -> Any:
    return None


@pytest.fixture(autouse=True)
def _no_lives() -> None:
    Counted.lives.clear()


def test_a_door_at_which_nobody_knocks_stays_shut() -> None:
    async def serve() -> None:
        door = FurtherDoor(f"{__name__}:Counted", SERVICES)
        async with door.lifespan():
            await door.end_streams()

    asyncio.run(serve())
    assert Counted.lives == []


def test_all_who_knock_at_once_come_through_one_door() -> None:
    async def serve() -> None:
        door = FurtherDoor(f"{__name__}:Counted", SERVICES)
        async with door.lifespan():
            await asyncio.gather(*(door({}, _nothing, _nothing) for _ in range(5)))
            await door.end_streams()

    asyncio.run(serve())
    assert Counted.lives == ["made", "opened", *["answered"] * 5, "streams ended", "closed"]


def test_who_goes_away_while_it_opens_keeps_nobody_out() -> None:
    async def serve() -> None:
        door = FurtherDoor(f"{__name__}:Counted", SERVICES)
        async with door.lifespan():
            gone = asyncio.create_task(cast(Any, door({}, _nothing, _nothing)))
            await asyncio.sleep(0)
            gone.cancel()
            await door({}, _nothing, _nothing)

    asyncio.run(serve())
    assert Counted.lives == ["made", "opened", "answered", "closed"]


def test_a_door_that_does_not_open_says_so_to_each() -> None:
    async def serve() -> None:
        door = FurtherDoor("tests.door.no_such_door:Door", SERVICES)
        async with door.lifespan():
            for _ in range(2):
                with pytest.raises(ModuleNotFoundError, match="no_such_door"):
                    await door({}, _nothing, _nothing)

    asyncio.run(serve())
