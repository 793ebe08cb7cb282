"""Threads for what blocks, such as commands: the loop hands work over and waits for what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, copy_context
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

T = TypeVar("T")


class _Job(NamedTuple):
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    context: Context
    work: Callable[..., Any]
    args: tuple[Any, ...]


class Threads:
    """A fixed number of them, as long as the `with` block lasts; its end waits for what is under way.

    The library's executor makes futures for threads and loops at once: handing over to it takes four times as long, which is as
    much as a fortieth of a command.
    """

    def __init__(self, number: int, name: str, around: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """around: what each thread keeps open as long as it lasts."""
        self._around = around
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(number)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """What the work returns or raises, done in a thread in the caller's context. Given up before its turn comes, it is not done."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(done, loop, copy_context(), work, args))
        return await done

    def _work(self) -> None:
        with self._around():
            self._work_off()

    def _work_off(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.done.cancelled():
                del job
                continue
            result, error = None, None
            try:
                result = job.context.run(job.work, *job.args)
            except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
                error = raised
            job.loop.call_soon_threadsafe(_settle, job.done, result, error)
            # Nothing of a job is kept until the next one comes.
            del job, result, error


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        # A future takes no StopIteration, which would end who waits without a word.
        done.set_exception(RuntimeError(repr(error)) if isinstance(error, StopIteration) else error)
