"""Starts the server's processes, keeps them running, and ends them in order."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from cli import figures
from cli.worker import CODE, GO, GRACE_SECONDS, PREPARE, PREPARED, TAKES_LONG
from eventstore import embedded
from settings import SHARED_FIGURES, Settings, environment_for

TICK_SECONDS = 1.0
FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
STEADY_SECONDS = 60.0
"""A process that lived this long starts at once when it dies; one that died sooner waits, longer each time."""
MOST_DESCRIPTORS = 65_536
"""Open files and connections of one process."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
log = structlog.get_logger("notechondria.running")


class StartFailed(Exception):
    """The server did not start."""


@dataclass
class Child:
    """A place for a process: what runs in it, and when it runs again after it died."""

    role: str
    arguments: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = 0.0
    ready: bool = False

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """One run of the server. on_ready is called once, when every API process answers, with the port."""

    def __init__(self, settings: Settings, on_ready: Callable[[int], None]) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._embedded = settings.database_url is None
        self._listeners = listening_sockets(settings.host, settings.port, settings.workers)
        try:
            self._figures = figures.Folder()
        except OSError as error:
            for listener in self._listeners:
                listener.close()
            raise StartFailed(f"no temporary folder can be made: {error.strerror}") from error
        self._environment = environment_for(settings) | {SHARED_FIGURES: str(self._figures.path)}
        self._ready_read, self._ready_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        self._signals = 0
        self._announced = False
        self._prepare = Child("prepare")
        self._api = [Child("api", (listener.fileno(),)) for listener in self._listeners]
        self._background = Child("background")

    def run(self) -> int:
        """Serves until a signal comes. Returns the exit code: 0, or 1 when the start failed or something had to be killed."""
        allow_many_connections()
        for end in (self._ready_read, self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._count_signal)
        # A handler has to exist, else the death of a child wakes nobody.
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        try:
            self._start()
            while not self._signals:
                self._tick()
        except StartFailed as failure:
            log.error("start_failed", reason=str(failure))
            self._end()
            return 1
        return self._end()

    def _count_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1

    def _unstopped(self) -> bool:
        return not self._signals

    def _start(self) -> None:
        # What follows the log starts after the first answer: loading its code now would only delay that.
        for child in self._api:
            self._spawn(child)
        if self._embedded:
            try:
                embedded.ensure_running(self._settings.data_dir, self._unstopped)
            except embedded.StartGivenUp:
                return
            except embedded.EmbeddedDatabaseError as error:
                raise StartFailed(str(error)) from error
        word = self._prepared_by(self._api[0])
        prepared = word == PREPARED or (word == TAKES_LONG and self._prepared_alone())
        if self._signals:
            return
        if not prepared:
            raise StartFailed("the database could not be prepared, the lines above tell why")
        for child in self._api:
            self._say(child, GO)

    def _prepared_by(self, child: Child) -> bytes:
        """Has one of those that are there already prepare the database; returns what it says, nothing when it fails."""
        self._say(child, PREPARE)
        word = b""
        while child.running and word not in (PREPARED, TAKES_LONG) and not self._signals:
            self._wait()
            with contextlib.suppress(BlockingIOError):
                word = os.read(self._ready_read, 4096)
        return word

    def _prepared_alone(self) -> bool:
        self._spawn(self._prepare)
        self._say(self._prepare, GO)
        while self._prepare.running and not self._signals:
            self._wait()
        assert self._prepare.process is not None
        return self._prepare.process.returncode == 0

    def _tick(self) -> None:
        self._wait()
        self._hear()
        for child in (*self._api, self._background) if self._announced else self._api:
            self._keep(child)
        if self._embedded and not embedded.is_alive(self._settings.data_dir):
            log.warning("embedded_database_gone")
            try:
                embedded.ensure_running(self._settings.data_dir, self._unstopped)
            except embedded.StartGivenUp:
                return
            except (embedded.EmbeddedDatabaseError, OSError) as error:
                log.error("embedded_database_failed", reason=str(error))

    def _wait(self) -> None:
        """Sleeps until a signal, a child's word, or the next tick; no longer than a waiting child needs."""
        now = time.monotonic()
        dues = [child.due - now for child in (*self._api, self._background) if not child.running and child.due]
        select.select([self._ready_read, self._wake_read], [], [], max(0.0, min([TICK_SECONDS, *dues])))
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            told = {int(pid) for pid in os.read(self._ready_read, 4096).split()}
            for child in (*self._api, self._background):
                child.ready = child.ready or (child.process is not None and child.process.pid in told)
        if not self._announced and all(child.ready for child in self._api):
            self._announced = True
            self._on_ready(int(self._listeners[0].getsockname()[1]))

    def _keep(self, child: Child) -> None:
        if child.running:
            return
        now = time.monotonic()
        if child.process is not None:
            code = child.process.returncode
            if not self._announced:
                raise StartFailed(f"the {child.role} process ended with code {code}, the lines above tell why")
            child.deaths = 1 if now - child.started > STEADY_SECONDS else child.deaths + 1
            delay = 0.0 if child.deaths == 1 else min(LONGEST_DELAY, FIRST_DELAY * 2**child.deaths)
            child.due = now + delay
            # Not `code`: values of that name count as secret, and are covered.
            log.error("process_died", role=child.role, status=code, restart_in_s=round(delay, 1))
            figures.settle(self._figures.path, child.process.pid)
            self._forget(child)
        if now >= child.due:
            self._spawn(child)
            self._say(child, GO)

    def _spawn(self, child: Child) -> None:
        child.ready = False
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            [sys.executable, "-P", "-c", CODE, child.role, str(self._ready_write), *map(str, child.arguments)],
            stdin=subprocess.PIPE,
            env=self._environment,
            pass_fds=(self._ready_write, *child.arguments),
            # Of its own, so that Ctrl-C reaches the supervisor alone, which then ends everybody in order.
            start_new_session=True,
        )

    @staticmethod
    def _say(child: Child, word: bytes) -> None:
        assert child.process is not None
        assert child.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            child.process.stdin.write(word)
            child.process.stdin.flush()

    @staticmethod
    def _forget(child: Child) -> None:
        if child.process is not None and child.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.process.stdin.close()
        child.process = None

    def _end(self) -> int:
        """API first, then what follows the log, then the database. A second signal shortens the wait."""
        log.info("stopping")
        clean = self._finish([*self._api, self._prepare])
        for listener in self._listeners:
            listener.close()
        clean = self._finish([self._background]) and clean
        if self._embedded:
            try:
                embedded.release(self._settings.data_dir)
            except embedded.EmbeddedDatabaseError as error:
                log.error("embedded_database_not_stopped", reason=str(error))
                clean = False
        self._figures.remove()
        log.info("stopped")
        return 0 if clean else 1

    def _finish(self, children: list[Child]) -> bool:
        known = self._signals
        _send(children, signal.SIGTERM)
        deadline = time.monotonic() + self._settings.drain_seconds + GRACE_SECONDS
        while any(child.running for child in children) and time.monotonic() < deadline:
            self._wait()
            if self._signals > known:
                known = self._signals
                _send(children, signal.SIGINT)
                deadline = min(deadline, time.monotonic() + 2)
        killed = [child for child in children if child.running]
        _send(killed, signal.SIGKILL)
        for child in children:
            if child.process is not None:
                child.process.wait()
            self._forget(child)
        return not killed


def _send(children: list[Child], number: signal.Signals) -> None:
    for child in children:
        if child.running and child.process is not None:
            child.process.send_signal(number)


def allow_many_connections() -> None:
    """Takes as many descriptors as the system grants: the usual 1024 would be used up by one client that only connects."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, MOST_DESCRIPTORS)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def listening_sockets(host: str, port: int, count: int) -> list[socket.socket]:
    """Listening sockets on one address. On Linux one per worker, over which the kernel spreads connections; else one shared.

    They belong to the supervisor, so that connections wait, and are not refused, while a dead worker is replaced.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise StartFailed(f"{host} is not an address of this machine: {error.strerror}") from error
    sockets: list[socket.socket] = []
    spread = sys.platform == "linux"
    try:
        # Several servers of one user could share a port without noticing; this one asks for it alone first.
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
            address = (address[0], probe.getsockname()[1], *address[2:])
        for _ in range(count if spread else 1):
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if spread:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(address)
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise StartFailed(f"cannot listen on {host} port {port}: {error.strerror}") from error
    for listener in sockets:
        listener.listen(2048)
    return sockets if spread else [sockets[0].dup() for _ in range(count)]
