"""The PostgreSQL that comes with the server: one per data folder, shared by all processes that use the folder.

Two file locks keep the processes apart: `postgres.lock` is held while one of them starts or stops the server, and everybody
who uses it holds `postgres.users` shared, so that the last one to leave knows that it is the last.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shlex
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from eventstore.programs import MAJOR_VERSION, account_to_run_as, open_way, run
from eventstore.programs import EmbeddedDatabaseError as EmbeddedDatabaseError  # noqa: PLC0414 - callers find it beside what raises it
from settings import EMBEDDED_DATABASE, embedded_conninfo, embedded_socket_folder

START_SECONDS = 60.0
STOP_SECONDS = 60
PROBE_SECONDS = 0.01

CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "400",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    # Statements and details hold what people wrote; that has no place in a log that nobody erases.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

_held: dict[Path, int] = {}


class StartGivenUp(EmbeddedDatabaseError):
    """Whoever wanted the server does not want it any more."""


def _always() -> bool:
    return True


def ensure_running(data_dir: Path, wanted: Callable[[], bool] = _always) -> str:
    """Starts the server of the folder unless it runs, registers this process as a user of it, and returns its address.

    Safe to call at any time from any number of processes; called again after the server died, it brings it back. Raises
    StartGivenUp as soon as it is not `wanted` any more: a server that cannot start is tried for a minute.
    """
    data_dir = _resolved(data_dir)
    server = _Server(data_dir)
    try:
        server.make_data_dir()
        with _locked(data_dir, wanted):
            _hold(data_dir)
            if not server.answers():
                server.start(wanted)
    except OSError as error:
        raise _unusable(data_dir, error) from error
    return embedded_conninfo(data_dir)


def release(data_dir: Path) -> bool:
    """Takes this process off the users and stops the server if nobody else uses it. True when it was stopped.

    Forked processes are users like the one from which they come, for as long as any of them lives.
    """
    data_dir = _resolved(data_dir)
    if not data_dir.is_dir() or data_dir not in _held:
        return False
    try:
        with _locked(data_dir):
            _let_go(data_dir)
            alone = _open(data_dir / "postgres.users")
            try:
                fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            finally:
                os.close(alone)
            _Server(data_dir).stop()
    except OSError as error:
        raise _unusable(data_dir, error) from error
    return True


def stop(data_dir: Path) -> None:
    """Stops the server of the folder, whoever uses it."""
    data_dir = _resolved(data_dir)
    if data_dir.exists():
        with _locked(data_dir):
            _let_go(data_dir)
            _Server(data_dir).stop()


def is_made(data_dir: Path) -> bool:
    """Whether there is a server in the folder, running or not."""
    return (data_dir / "postgres" / "PG_VERSION").exists()


def is_alive(data_dir: Path) -> bool:
    """Whether the server's process exists; costs no connection, but does not say that it answers."""
    return _Server(_resolved(data_dir)).postmaster() is not None


class _Server:
    """The server of one data folder. Callers hold the folder's lock."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._folder = data_dir / "postgres"
        self._sockets = embedded_socket_folder(data_dir)

    def make_data_dir(self) -> None:
        """Makes the data folder, closed to others; an existing one keeps its permissions."""
        if not self._data_dir.exists():
            self._data_dir.mkdir(parents=True, mode=0o700, exist_ok=True)

    def answers(self, database: str = EMBEDDED_DATABASE) -> bool:
        """Whether the database can be connected to."""
        if not (self._sockets / ".s.PGSQL.5432").exists():
            return False
        try:
            psycopg.connect(embedded_conninfo(self._data_dir, database), connect_timeout=5).close()
        except psycopg.Error:
            return False
        return True

    def start(self, wanted: Callable[[], bool]) -> None:
        """Starts the server, made first if there is none, and waits until it answers."""
        account = account_to_run_as()
        if is_made(self._data_dir):
            self._check_made(account)
        if account is not None:
            open_way(self._data_dir, account)
        if not is_made(self._data_dir):
            self._create(account)
        self._make_socket_folder(account)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers("postgres"):
            if not wanted():
                raise StartGivenUp("The embedded PostgreSQL is not waited for any longer.")
            if time.monotonic() > deadline:
                raise EmbeddedDatabaseError(f"The embedded PostgreSQL did not start within {START_SECONDS:.0f} s. {self._last_words()}")
            if self.postmaster() is None:
                # Refused while processes of a killed server still hold its memory; they end by themselves in a moment.
                self._launch(account)
                self._await_answer(deadline, wanted)
            else:
                time.sleep(PROBE_SECONDS)
        self._let_callers_finish()
        self._ensure_database()

    def stop(self) -> None:
        """Ends the server: running statements are cut off, everything committed stays."""
        if self.postmaster() is None:
            return
        account = account_to_run_as()
        command = ["pg_ctl", "-D", str(self._folder), "-m", "fast", "-w", "-t", str(STOP_SECONDS), "stop"]
        run(command, account, check=self.postmaster() is not None)

    def _create(self, account: pwd.struct_passwd | None) -> None:
        # Made beside its place and moved there whole, so that an interrupted start leaves nothing half made.
        new = self._data_dir / "postgres.new"
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        if account is not None:
            os.chown(new, account.pw_uid, account.pw_gid)
        # The builtin provider sorts and folds alike on every machine, whatever its C library.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        run(["initdb", "-D", str(new), "-U", "postgres", "--auth=trust", *locale], account, heard=True)
        new.rename(self._folder)

    def _check_made(self, account: pwd.struct_passwd | None) -> None:
        version = (self._folder / "PG_VERSION").read_text().strip()
        if version != MAJOR_VERSION:
            raise EmbeddedDatabaseError(
                f"The data folder was made by PostgreSQL {version}, this release brings {MAJOR_VERSION}: "
                "export the archive with the old release and import it into a new data folder."
            )
        owner = self._folder.stat().st_uid
        if account is not None and owner != account.pw_uid:
            raise EmbeddedDatabaseError(
                f"{self._folder} belongs to the user {owner}, root runs PostgreSQL as {account.pw_name}: run this as the folder's owner,"
                f" or give it away with chown -R {account.pw_name}."
            )

    def _make_socket_folder(self, account: pwd.struct_passwd | None) -> None:
        if self._sockets == self._folder:
            return
        owner = account.pw_uid if account is not None else os.geteuid()
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        if account is not None and self._sockets.lstat().st_uid == 0:
            os.chown(self._sockets, account.pw_uid, account.pw_gid, follow_symlinks=False)
        found = self._sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise EmbeddedDatabaseError(f"{self._sockets} belongs to somebody else or is open to others: remove it and start again.")

    def _launch(self, account: pwd.struct_passwd | None) -> None:
        self._drop_foreign_pid()
        values = CONFIGURATION | {"unix_socket_directories": str(self._sockets)}
        options = shlex.join(word for name, value in values.items() for word in ("-c", f"{name}={value}"))
        log = self._folder / "start.log"
        run(["pg_ctl", "-D", str(self._folder), "-W", "-s", "-l", str(log), "-o", options, "start"], account)

    def _await_answer(self, deadline: float, wanted: Callable[[], bool]) -> None:
        """Returns when the server answers or has ended; one just launched needs a moment to write its pid."""
        grace = time.monotonic() + 0.5
        while time.monotonic() < deadline and wanted() and not self.answers("postgres"):
            if time.monotonic() > grace and self.postmaster() is None:
                return
            time.sleep(PROBE_SECONDS)

    def _let_callers_finish(self) -> None:
        """Its processes wait for their turn when they are woken, where the system can tell them so. By default each cuts off whoever has
        just sent it a statement, and both begin anew with a cold cache: a twentieth of what all calls take on two cores under load.
        """
        pid = self._pid()
        if pid is not None and hasattr(os, "sched_setscheduler"):
            with suppress(OSError):
                os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))

    def _ensure_database(self) -> None:
        try:
            with psycopg.connect(embedded_conninfo(self._data_dir, "postgres"), autocommit=True) as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (EMBEDDED_DATABASE,)).fetchone()
                if known is None:
                    connection.execute(f"CREATE DATABASE {EMBEDDED_DATABASE} TEMPLATE template0")
        except psycopg.Error as error:
            raise EmbeddedDatabaseError(f"The embedded PostgreSQL cannot make its database: {' '.join(str(error).split())}") from error

    def _pid(self) -> int | None:
        try:
            return int((self._folder / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def postmaster(self) -> psutil.Process | None:
        """The running server. A process that merely got the number of a dead one is not it."""
        pid = self._pid()
        if pid is None:
            return None
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self._folder.resolve():
                return process
        return None

    def _drop_foreign_pid(self) -> None:
        """Removes the pid file of a dead server when its number belongs to another program now: PostgreSQL would not start.

        A file whose process is gone stays: PostgreSQL needs it to see whether the dead server's memory is still in use.
        """
        pid = self._pid()
        if pid is None or not psutil.pid_exists(pid) or self.postmaster() is not None:
            return
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if Path(process.cwd()) == self._folder.resolve():
                    return
        (self._folder / "postmaster.pid").unlink(missing_ok=True)

    def _last_words(self) -> str:
        logs = sorted([self._folder / "start.log", *(self._folder / "log").glob("*.log")], key=lambda path: path.stat().st_mtime)
        return " ".join(logs[-1].read_text(errors="replace").splitlines()[-3:]) if logs else ""


def _unusable(data_dir: Path, error: OSError) -> EmbeddedDatabaseError:
    return EmbeddedDatabaseError(f"The data folder {data_dir} cannot be used: {error.strerror or error}.")


def _resolved(data_dir: Path) -> Path:
    return data_dir.expanduser().absolute()


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextmanager
def _locked(data_dir: Path, wanted: Callable[[], bool] = _always) -> Iterator[None]:
    lock = _open(data_dir / "postgres.lock")
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if not wanted():
                raise StartGivenUp("Another process that starts or stops the embedded PostgreSQL is not waited for any longer.")
            time.sleep(PROBE_SECONDS)
        yield
    finally:
        os.close(lock)


def _hold(data_dir: Path) -> None:
    if data_dir not in _held:
        users = _open(data_dir / "postgres.users")
        fcntl.flock(users, fcntl.LOCK_SH)
        _held[data_dir] = users


def _let_go(data_dir: Path) -> None:
    users = _held.pop(data_dir, None)
    if users is not None:
        os.close(users)
