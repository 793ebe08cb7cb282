"""Starts the server's processes, keeps them running, and ends them in order."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import ForkProcess

import structlog
from setproctitle import setproctitle

from cli import figures, worker
from eventstore import embedded
from settings import Settings

TICK_SECONDS = 1.0
FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
DOUBLINGS = 10
"""More of them would not make a delay longer."""
STEADY_SECONDS = 60.0
"""A process that lived this long starts at once when it dies; one that died sooner waits, longer each time."""
MOST_DESCRIPTORS = 65_536
"""Open files and connections of one process."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FORKING = multiprocessing.get_context("fork")
log = structlog.get_logger("notechondria.running")


class StartFailed(Exception):
    """The server did not start."""


@dataclass
class Child:
    """A place for a process: what runs in it, and when it runs again after it died."""

    role: str
    listener: socket.socket | None = None
    process: ForkProcess | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = 0.0
    ready: bool = False

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.is_alive()


class Supervisor:
    """One run of the server. on_ready is called once, when every API process answers, with the port."""

    def __init__(self, settings: Settings, on_ready: Callable[[int], None]) -> None:
        self._on_ready = on_ready
        self._embedded = settings.database_url is None
        self._listeners = listening_sockets(settings.host, settings.port, settings.workers)
        try:
            self._figures = figures.Folder()
        except OSError as error:
            for listener in self._listeners:
                listener.close()
            raise StartFailed(f"no temporary folder can be made: {error.strerror}") from error
        self._settings = settings.model_copy(update={"metrics_folder": self._figures.path})
        self._ready_read, self._ready_write = os.pipe()
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._ready_read, self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        # Nothing is ever written: it ends with the last one that holds its other end, which is this process alone.
        self._life_read, self._life_write = os.pipe()
        self._signals = 0
        self._announced = False
        self._prepare = Child("prepare")
        self._api = [Child("api", listener) for listener in self._listeners]
        self._background = Child("background")

    def run(self) -> int:
        """Serves until a signal comes. Returns the exit code: 0, or 1 when the start failed or something had to be killed."""
        allow_many_connections()
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
        except BaseException:
            # A fault of ours is shown as it is, but leaves nothing running.
            self._end()
            raise
        return self._end()

    def _count_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1

    def _unstopped(self) -> bool:
        return not self._signals

    def _start(self) -> None:
        # What takes the time of a start is loading, once for all processes; meanwhile the database starts.
        with ThreadPoolExecutor(1) as threads:
            starting = threads.submit(self._start_database)
            worker.load()
            starting.result()
        if self._unstopped() and not self._prepared():
            raise StartFailed("the database could not be prepared, the lines above tell why")
        if self._unstopped():
            for child in self._api:
                self._spawn(child)

    def _start_database(self) -> None:
        if not self._embedded:
            return
        try:
            embedded.ensure_running(self._settings.data_dir, self._unstopped)
        except embedded.StartGivenUp:
            return
        except embedded.EmbeddedDatabaseError as error:
            raise StartFailed(str(error)) from error

    def _prepared(self) -> bool:
        """In a process of its own, which gives back what a migration or a rebuild has taken of memory."""
        self._spawn(self._prepare)
        while self._prepare.running and not self._signals:
            self._wait()
        process = self._prepare.process
        assert process is not None
        assert process.pid is not None
        if process.exitcode is not None:
            figures.settle(self._figures.path, process.pid)
        # Told to end together with us, it need not have come to its end.
        return process.exitcode == 0 or not self._unstopped()

    def _tick(self) -> None:
        self._wait()
        self._tell()
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
        # Read by whoever waits, else it would wake nobody but us, again and again.
        with contextlib.suppress(BlockingIOError):
            told = {int(pid) for pid in os.read(self._ready_read, 4096).split()}
            for child in (*self._api, self._background):
                child.ready = child.ready or (child.process is not None and child.process.pid in told)

    def _tell(self) -> None:
        if not self._announced and all(child.ready for child in self._api):
            self._announced = True
            self._on_ready(int(self._listeners[0].getsockname()[1]))

    def _keep(self, child: Child) -> None:
        if child.running:
            return
        now = time.monotonic()
        if child.process is not None:
            code = child.process.exitcode
            if not self._announced:
                raise StartFailed(f"the {child.role} process ended with code {code}, the lines above tell why")
            child.deaths = 1 if now - child.started > STEADY_SECONDS else child.deaths + 1
            delay = restart_delay(child.deaths)
            child.due = now + delay
            # Not `code`: values of that name count as secret, and are covered.
            log.error("process_died", role=child.role, status=code, restart_in_s=round(delay, 1))
            if child.process.pid is not None:
                figures.settle(self._figures.path, child.process.pid)
            _forget(child)
        if now >= child.due:
            self._spawn(child)

    def _spawn(self, child: Child) -> None:
        child.ready = False
        child.due = 0.0
        child.started = time.monotonic()
        child.process = FORKING.Process(target=self._become, args=(child,), name=child.role)
        # A signal that comes before the new process has its own way with it would be taken for one to the supervisor.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            child.process.start()
        except OSError as error:
            self._not_started(child, error)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _not_started(self, child: Child, error: OSError) -> None:
        """The system has no room for another process: once the server serves, later it may have."""
        child.process = None
        if not self._announced:
            raise StartFailed(f"the {child.role} process cannot be started: {error.strerror}") from error
        child.deaths += 1
        delay = restart_delay(child.deaths + 1)
        child.due = time.monotonic() + delay
        log.error("process_not_started", role=child.role, reason=error.strerror, again_in_s=round(delay, 1))

    def _become(self, child: Child) -> None:
        """What the new process does: it lets go of what is the supervisor's, and lives its role."""
        signal.set_wakeup_fd(-1)
        for number in (*SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        worker.end_on_sigterm()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        # A session of its own, so that Ctrl-C reaches the supervisor alone, which then ends everybody in order.
        os.setsid()
        setproctitle(f"notechondria: {child.role}")
        for end in (self._life_write, self._wake_read, self._wake_write, self._ready_read):
            os.close(end)
        for listener in self._listeners:
            if listener is not child.listener:
                listener.close()
        worker.run(worker.Place(child.role, self._settings, self._ready_write, self._life_read, child.listener))

    def _end(self) -> int:
        """API first, then what follows the log, then the database. A second signal shortens the wait."""
        log.info("stopping")
        # Nobody is started any more.
        for child in (*self._api, self._background):
            child.due = 0.0
        # Whoever comes now is refused, and may ask elsewhere.
        for listener in self._listeners:
            listener.close()
        clean = self._finish([*self._api, self._prepare])
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
        deadline = time.monotonic() + self._settings.drain_seconds + worker.GRACE_SECONDS
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
                child.process.join()
            _forget(child)
        return not killed


def restart_delay(deaths: int) -> float:
    """Seconds until a process starts again that has died so often, each time after a short life."""
    return 0.0 if deaths == 1 else min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(deaths, DOUBLINGS))


def _forget(child: Child) -> None:
    if child.process is not None:
        child.process.close()
    child.process = None


def _send(children: list[Child], number: signal.Signals) -> None:
    for child in children:
        if child.running and child.process is not None and child.process.pid is not None:
            os.kill(child.process.pid, number)


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
