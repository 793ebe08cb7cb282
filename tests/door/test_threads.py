"""Work that the loop hands over to threads."""

from __future__ import annotations

import asyncio
import threading
import weakref
from contextvars import ContextVar

import pytest

from api.app import Door
from api.threads import Threads
from settings import Settings
from tests.accounts.people import Person, make_person
from wiring import build_services, prepare

NAME: ContextVar[str] = ContextVar("NAME")


def test_what_comes_of_it_is_returned_and_raised() -> None:
    def half(number: int) -> int:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number // 2

    async def main() -> list[int | BaseException]:
        with Threads(2, "test") as threads:
            return await asyncio.gather(*(threads.run(half, number) for number in range(4)), return_exceptions=True)

    zero, odd, one, _ = asyncio.run(main())
    assert (zero, one) == (0, 1)
    assert str(odd) == "1 is odd"


def test_it_runs_in_the_context_of_who_asks_and_in_another_thread() -> None:
    async def main() -> tuple[str, str]:
        NAME.set("somebody")
        with Threads(1, "test") as threads:
            return await threads.run(lambda: (NAME.get(), threading.current_thread().name))

    assert asyncio.run(main()) == ("somebody", "test-0")


def test_the_end_of_an_iterator_reaches_who_waits() -> None:
    async def main() -> None:
        with Threads(1, "test") as threads:
            await threads.run(next, iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(main())


def test_what_is_given_up_before_its_turn_is_not_done_and_what_is_under_way_is_waited_for() -> None:
    done: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        go_on.wait(10)
        done.append("first")

    async def main() -> None:
        with Threads(1, "test") as threads:
            under_way = asyncio.create_task(threads.run(first))
            waiting = asyncio.create_task(threads.run(done.append, "second"))
            await asyncio.to_thread(begun.wait, 10)
            for task in (under_way, waiting):
                task.cancel()
            await asyncio.gather(under_way, waiting, return_exceptions=True)
            go_on.set()
        assert done == ["first"]

    asyncio.run(main())
    assert begun.is_set()


def test_nothing_of_a_job_that_was_given_up_is_kept() -> None:
    class Sent:
        """What a request has sent."""

    async def main() -> None:
        begun, go_on, gone = threading.Event(), threading.Event(), threading.Event()

        def busy() -> None:
            begun.set()
            go_on.wait(10)

        sent = Sent()
        weakref.finalize(sent, gone.set)
        with Threads(1, "test") as threads:
            first = asyncio.create_task(threads.run(busy))
            waiting = asyncio.create_task(threads.run(print, sent))
            await asyncio.to_thread(begun.wait, 10)
            del sent
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            del waiting
            go_on.set()
            await first
            assert await asyncio.to_thread(gone.wait, 10)

    asyncio.run(main())


def test_services_close_when_the_commands_under_way_have_ended(settings: Settings) -> None:
    prepare(settings)
    own = build_services(settings)
    begun, closed = threading.Event(), threading.Event()
    app = Door(own, [])
    close = own.close

    async def closing() -> None:
        await close()
        closed.set()

    def work() -> Person:
        begun.set()
        # What comes next meets closed pools if they do not wait for it.
        closed.wait(0.5)
        return make_person(own)

    async def main() -> list[Person]:
        made: list[Person] = []
        async with app.router.lifespan_context(app):
            under_way = asyncio.create_task(app.state.threads.run(lambda: made.append(work())))
            await asyncio.to_thread(begun.wait, 10)
            # As the end of the drain does with requests that go on.
            under_way.cancel()
        return made

    own.close = closing  # type: ignore[method-assign]
    assert len(asyncio.run(main())) == 1
    assert closed.is_set()
