"""The processes below the supervisor: `prepare` the database, answer requests (`api`), follow the log (`background`).

Each reads its standard input: a first line tells it to begin, so that it can load its code while the database still starts,
and the end of the input tells it that the supervisor is gone, after which it drains and ends like on SIGTERM. One of those that will
answer requests is first told to prepare the database, for which it has everything loaded; if that is to take long, it says so.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import psycopg
import structlog

from cli import figures
from cli.preparing import PreparationFailed, prepare_for_start, takes_long
from eventstore import embedded
from logs import configure_logging
from settings import Settings, get_settings, keep_figures_alone
from tracing import start_tracing

GRACE_SECONDS = 5
BACKGROUND_NICENESS = 10
GO, PREPARE = b"go\n", b"prepare\n"
"""What a process is told."""
PREPARED, TAKES_LONG = b"prepared\n", b"takes long\n"
"""What it says to the second of these; when it is ready, it says its number."""
COLLECTED_AFTER = (10_000, 20, 20)
"""New objects beyond those gone, and collections of one generation, after which the collector looks (see gc.set_threshold)."""
log = structlog.get_logger("notechondria.running")


def main() -> None:
    """Entry point: the role, the descriptor on which readiness is told, and for `api` that of the listening socket."""
    role, ready, *rest = sys.argv[1:]
    settings = get_settings()
    configure_logging(settings)
    _share_figures(settings)
    if settings.database_url is None:
        embedded.join(settings.data_dir)
    end_tracing = start_tracing(settings)
    try:
        _run(role, settings, int(ready), [int(number) for number in rest])
    finally:
        end_tracing()
        if settings.database_url is None:
            # Stops the embedded server only if the supervisor and all others are gone.
            embedded.release(settings.data_dir)


def _run(role: str, settings: Settings, ready: int, sockets: list[int]) -> None:
    # What arrives before the role handles signals itself ends the process at once: nothing has begun yet.
    if role == "prepare":
        _await_word()
        _await_database(settings)
        _prepare(settings)
    elif role == "api":
        _serve(settings, ready, sockets[0])
    else:
        _follow(settings, ready)


def _collect_seldom() -> None:
    """What was loaded stays, and next to nothing of a request is left to the collector: by default it would look after every few
    requests, which takes a twentieth of what a command takes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def _share_figures(settings: Settings) -> None:
    """Before anything is imported that counts: the library looks at the environment once."""
    if settings.metrics_folder is not None and not figures.reserve(settings.metrics_folder):
        log.warning("figures_not_shared", reason="no room on the disk", folder=str(settings.metrics_folder))
        keep_figures_alone()


def _serve(settings: Settings, ready: int, listener: int) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _collect_seldom()
            _announce(ready)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Streams have no end of their own that a drain could wait for.
            await self.config.loaded_app.end_streams()
            await super().shutdown(sockets)

    # Loaded before the go, while the database starts.
    importlib.import_module("api.app").area_routes()
    if _await_word() == PREPARE:
        _await_database(settings)
        if takes_long(settings):
            os.write(ready, TAKES_LONG)
        else:
            _prepare(settings)
            os.write(ready, PREPARED)
        _await_word()
    _end_with_supervisor(settings)
    _await_database(settings)
    config = uvicorn.Config(
        "api.app:create_app",
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
    # The library raises the signal that ended it once more, for whoever handled it before.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    server = Server(config)
    server.run(sockets=[socket.socket(fileno=listener)])
    if not server.started:
        sys.exit(3)


def _prepare(settings: Settings) -> None:
    try:
        prepare_for_start(settings)
    except PreparationFailed as failure:
        sys.exit(f"The start was given up: {failure}")


def _follow(settings: Settings, ready: int) -> None:
    _await_word()
    _end_with_supervisor(settings)
    _await_database(settings)
    # What follows the log may wait a moment; requests come first.
    os.nice(BACKGROUND_NICENESS)
    # Not before the go: until then the processors are for those that answer requests.
    import wiring

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    signal.signal(signal.SIGINT, lambda _number, _frame: stop.set())
    _announce(ready)
    wiring.run_background(settings, stop)


def _await_word() -> bytes:
    return os.read(sys.stdin.fileno(), 64) or sys.exit(0)


def _end_with_supervisor(settings: Settings) -> None:
    def watch() -> None:
        while os.read(sys.stdin.fileno(), 64):
            pass
        log.warning("supervisor_gone", pid=os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(settings.drain_seconds + GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def _announce(ready: int) -> None:
    os.write(ready, f"{os.getpid()}\n".encode())


def _await_database(settings: Settings) -> None:
    # Until the role handles it itself: an end in good order, which lets go of the database.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
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


CODE = (
    # The log's library would load rich, for coloured traces that nobody asked for, and httpx its command line: a tenth of a start.
    "import sys; sys.modules['rich'] = sys.modules['httpx._main'] = None;"
    f" sys.path.append({str(Path(__file__).resolve().parents[1])!r}); from cli.worker import main; main()"
)
"""Runs main() in a new interpreter that is kept from importing modules of the folder it happens to be started in."""
