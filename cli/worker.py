"""The processes below the supervisor: `prepare` the database, answer requests (`api`), follow the log (`background`).

They are forked from it, which has loaded their code once for all of them. Each holds the end of a pipe that ends when the supervisor
is gone, after which it drains and ends like on SIGTERM.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import structlog

from cli import figures
from cli.preparing import PreparationFailed, prepare_for_start
from eventstore import embedded
from eventstore.garbage import without_garbage_collection
from settings import Settings
from tracing import start_tracing

GRACE_SECONDS = 5
BACKGROUND_NICENESS = 10
COLLECTED_AFTER = (10_000, 20, 20)
"""New objects beyond those gone, and collections of one generation, after which the collector looks (see gc.set_threshold)."""
log = structlog.get_logger("notechondria.running")


@dataclass(frozen=True)
class Place:
    """What a process is given: its role, the descriptor on which it says its number when it is ready, the one that ends with the
    supervisor, and for `api` the socket on which it listens.
    """

    role: str
    settings: Settings
    ready: int
    supervisor: int
    listener: socket.socket | None = None


def load() -> None:
    """Loads what the processes run, in the one from which they are forked."""
    # It does without its command line, which would load as much as all the rest of it.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    with without_garbage_collection():
        for name in ("uvicorn", "uvloop", "api.wire", "wiring", "reactors.catalog"):
            importlib.import_module(name)
        _door().area_routes()
    # What was loaded stays, so nobody looks through it again: that would also copy the pages which the processes share.
    gc.freeze()


def _door() -> Any:
    # Named, not imported: how it is put together is not for this line to know.
    return importlib.import_module("api.app")


def run(place: Place) -> None:
    """The life of a process; its end by itself is an error unless it was told to end."""
    settings = place.settings
    _share_figures(settings)
    end_tracing = start_tracing(settings)
    try:
        # What arrives before the role handles signals itself ends the process in good order: nothing has begun yet.
        ROLES[place.role](place)
    finally:
        end_tracing()
        if settings.database_url is None:
            # Stops the embedded server only if the supervisor and all others are gone.
            try:
                embedded.release(settings.data_dir)
            except embedded.EmbeddedDatabaseError as error:
                log.error("embedded_database_not_stopped", reason=str(error))


def _collect_seldom() -> None:
    """What was loaded stays, and next to nothing of a request is left to the collector: by default it would look after every few
    requests, which takes a twentieth of what a command takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def _share_figures(settings: Settings) -> None:
    """Before anything is counted."""
    if settings.metrics_folder is None:
        return
    try:
        figures.share(settings.metrics_folder)
    except OSError as error:
        log.warning("figures_not_shared", reason=error.strerror, folder=str(settings.metrics_folder))


def _serve(place: Place) -> None:
    import uvicorn

    settings = place.settings

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _collect_seldom()
            _announce(place.ready)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Streams have no end of their own that a drain could wait for.
            await self.config.loaded_app.end_streams()
            await super().shutdown(sockets)
            if self.force_exit:
                # Left to the end of the loop, the application would be cut off while it closes what it holds.
                await _cut_off(self.server_state.tasks)
                await self.lifespan.shutdown()

    _end_with_supervisor(place)
    _await_database(settings)
    config = uvicorn.Config(
        partial(_door().create_app, settings),
        factory=True,
        loop="uvloop",
        http="api.wire:BoundedProtocol",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    server = Server(config)
    logging.getLogger("uvicorn.error").addFilter(_tell_cut_off)

    def end(_number: int, _frame: object) -> None:
        server.should_exit = True

    # For what comes before the library handles signals. It raises the one that ended it once more, for whoever handled it before.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    assert place.listener is not None
    server.run(sockets=[place.listener])
    if not server.started:
        sys.exit(3)


async def _cut_off(requests: set[asyncio.Task[None]]) -> None:
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)


def _tell_cut_off(record: logging.LogRecord) -> bool:
    """One line for a request that the end of the process has cut off: where it was just then is no fault of anybody's."""
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        record.msg, record.args = "request cut off by the end of the server", ()
    return True


def _prepare(place: Place) -> None:
    _end_with_supervisor(place)
    _await_database(place.settings)
    try:
        prepare_for_start(place.settings)
    except PreparationFailed as failure:
        sys.exit(f"The start was given up: {failure}")


def _follow(place: Place) -> None:
    _end_with_supervisor(place)
    _await_database(place.settings)
    # What follows the log may wait a moment; requests come first.
    os.nice(BACKGROUND_NICENESS)
    import wiring

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    signal.signal(signal.SIGINT, lambda _number, _frame: stop.set())
    _announce(place.ready)
    wiring.run_background(place.settings, stop)


ROLES = {"prepare": _prepare, "api": _serve, "background": _follow}


def _end_with_supervisor(place: Place) -> None:
    def watch() -> None:
        while os.read(place.supervisor, 64):
            pass
        log.warning("supervisor_gone", pid=os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(place.settings.drain_seconds + GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def end_on_sigterm() -> None:
    """Until the role handles it itself: an end in good order, which lets go of the database. Not one with success, though."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def _announce(ready: int) -> None:
    os.write(ready, f"{os.getpid()}\n".encode())


def _await_database(settings: Settings) -> None:
    end_on_sigterm()
    deadline = time.monotonic() + settings.database_wait_seconds
    waiting = False
    while True:
        try:
            psycopg.connect(settings.conninfo(), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            reason = " ".join(str(error).split())
            if time.monotonic() > deadline:
                sys.exit(f"The database does not answer: {reason}")
            if not waiting:
                log.warning("waiting_for_database", reason=reason)
                waiting = True
            time.sleep(0.5)
        else:
            return
