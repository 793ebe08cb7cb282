"""Puts the floors together, once for every door: settings -> pools, log, read side, write side."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg import AsyncConnection, Connection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from commands.accounts.passwords import weakness
from commands.accounts.proofs import Proofs
from commands.bootstrap import EMAIL_TAKEN, NAME_TAKEN, Administrator, ensure_administrator, revoke_every_session
from commands.context import Context
from commands.errors import Conflict, Refused
from commands.handling import Handling, Outcome, Repeated, Work
from commands.lookups import Lookups
from commands.samples.material import MaterialMissing
from commands.samples.seeding import Seeding
from eventstore.application import Log
from eventstore.blobs import Blobs, BlobStoreUnavailable
from eventstore.codes import Codes
from eventstore.database import ReplanningPool, async_pool, sync_pool
from eventstore.guards import Guards
from eventstore.mails import Mails
from eventstore.migrate import migrate, unknown
from eventstore.sealing import Sealer
from metrics import POOL, POOL_WAITING, command_meters
from projections.catalog import ALL_PROJECTIONS
from projections.following import Follower
from projections.health import Health, health
from projections.inline import InlineProjections
from projections.lookups import SqlLookups
from projections.loops import LogHead, Loop
from projections.reading import Reader
from projections.rebuild import bring_up_to_date, stale
from reactors.catalog import ALL_REACTORS
from reactors.files import owns_store
from reactors.following import loop_for, register
from settings import Settings
from tracing import span

FURTHER_DOORS: Mapping[str, tuple[str, ...]] = {"mcp_server.door:AssistantDoor": ("/mcp", "/mcp/")}
"""Doors that the web server serves beside the REST API, and their paths: ASGI applications with `lifespan` and `end_streams`, made of
the services.

They are named, not imported, since doors do not know each other.
"""

T = TypeVar("T")

START_LOCK = 7266120
THREAD_CONNECTIONS = 8
LOOP_CONNECTIONS = 4
LOCK_CONNECTIONS = 2
"""For work that only one process may do at a time (eventstore/locks.py): seldom more at once."""
OPERATORS_CONNECTIONS = 10
"""For commands on the command line, rebuilds and dumps beside the server."""
NEWER = "run that release, or restore the backup from before: what it has written may stop this one"

log = structlog.get_logger("notechondria.start")


class MeasuredHandling(Handling[Lookups]):
    """Commands, counted for /metrics."""

    def run(self, decide: Callable[[Work[Lookups]], T], context: Context, *args: Any, **options: Any) -> Outcome[T]:
        """See Handling.run."""
        channel, _, _ = context.channel.partition(":")
        outcome = "failed"
        started = perf_counter()
        try:
            with span("command", channel=context.channel, command=context.command):
                done = super().run(decide, context, *args, **options)
        except Conflict:
            outcome = "conflict"
            raise
        except Refused:
            outcome = "refused"
            raise
        except Repeated:
            outcome = "repeated"
            raise
        else:
            outcome = "done"
            command_meters(channel, outcome).events.inc(len(done.positions))
            return done
        finally:
            meters = command_meters(channel, outcome)
            meters.commands.inc()
            meters.seconds.observe(perf_counter() - started)


@dataclass
class Services:
    """What doors work with."""

    settings: Settings
    key: bytes
    """The server's secret: digests of session keys, codes and addresses are made under it."""
    log: Log
    reader: Reader
    commands: Handling[Lookups]
    lookups: Lookups
    proofs: Proofs
    mails: Mails
    sealer: Sealer
    blobs: Blobs
    """Files that people upload."""
    thread_pool: ReplanningPool
    loop_pool: AsyncConnectionPool[AsyncConnection[TupleRow]]
    _asked: asyncio.Future[Health] | None = field(default=None, init=False)

    async def open(self) -> None:
        """Connects. Does not wait for the database: requests are answered with 503 until it is there."""
        self.thread_pool.open(wait=False)
        await self.loop_pool.open(wait=False)

    def measure(self) -> None:
        """Brings the figures of the connection pools up to date."""
        for name, pool in (("commands", self.thread_pool), ("reads", self.loop_pool)):
            found = pool.get_stats()
            free = found.get("pool_available", 0)
            POOL.labels(name, "free").set(free)
            POOL.labels(name, "used").set(found.get("pool_size", 0) - free)
            POOL_WAITING.labels(name).set(found.get("requests_waiting", 0))

    async def health(self) -> Health:
        """The database, the head of the log, and how everything that follows it is.

        Whoever asks meanwhile shares the answer: anybody may ask, and no limit counts it, so it must not cost more for many.
        """
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(health(self.loop_pool))
        return await asyncio.shield(self._asked)

    async def close(self) -> None:
        """Disconnects."""
        self.log.close()
        await self.loop_pool.close()
        self.thread_pool.close()


def build_services(settings: Settings) -> Services:
    """All parts over the database that the settings name. It has to be prepared; the pools are not open yet."""
    conninfo = settings.conninfo()
    threads = sync_pool(conninfo, size=THREAD_CONNECTIONS, name="notechondria-commands")
    loop = async_pool(conninfo, size=LOOP_CONNECTIONS, name="notechondria-reads")
    log = Log(threads)
    key = server_key(settings)
    sealer = Sealer(key)
    mails = Mails(threads, sealer)
    lookups = SqlLookups(threads)
    return Services(
        settings=settings,
        key=key,
        log=log,
        reader=Reader(loop, threads, key),
        commands=MeasuredHandling(log, lookups, InlineProjections(ALL_PROJECTIONS)),
        lookups=lookups,
        proofs=Proofs(
            codes=Codes(threads, key),
            guards=Guards(threads, key),
            mails=mails,
            key=key,
            mail_configured=settings.mail_configured,
            code_hours=settings.code_ttl_hours,
            code_page=settings.frontend_verify_url,
        ),
        mails=mails,
        sealer=sealer,
        blobs=open_blobs(settings),
        thread_pool=threads,
        loop_pool=loop,
    )


def open_blobs(settings: Settings) -> Blobs:
    """The store of uploaded files that the settings name."""
    bucket, account = settings.cloudflare_r2_bucket_name, settings.cloudflare_r2_account_id
    key_id, secret = settings.cloudflare_r2_access_key_id, settings.cloudflare_r2_secret_access_key
    if bucket is None or account is None or key_id is None or secret is None:
        return Blobs.at(settings.attachments_url or settings.data_dir / "media")
    return Blobs.in_bucket(bucket, f"https://{account}.r2.cloudflarestorage.com", key_id, secret.get_secret_value())


@dataclass(frozen=True, slots=True)
class Prepared:
    """What had to be done to the database."""

    migrations: Sequence[str]
    rebuilt: Sequence[str]
    """Read models that this release has changed."""


def prepare(settings: Settings) -> Prepared:
    """Brings the database to this release: migrates the log, makes or rebuilds the read models' tables."""
    conninfo = settings.conninfo()
    applied = migrate(conninfo)
    rebuilt = bring_up_to_date(conninfo, ALL_PROJECTIONS)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        register(connection, ALL_REACTORS)
    return Prepared(applied, rebuilt.projections if rebuilt else ())


def due_rebuilds(conninfo: str) -> list[str]:
    """Names of the read models that `prepare` would make, rebuild or remove."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        changed, retired = stale(connection, ALL_PROJECTIONS)
    return [*(projection.name for projection in changed), *retired]


def connections_needed(workers: int) -> int:
    """How many connections a server with so many API processes may open, and what else works on its database."""
    background = 1 + THREAD_CONNECTIONS + LOCK_CONNECTIONS + sum(p.lifecycle == "following" for p in ALL_PROJECTIONS) + len(ALL_REACTORS)
    return workers * (THREAD_CONNECTIONS + LOOP_CONNECTIONS + LOCK_CONNECTIONS) + background + OPERATORS_CONNECTIONS


def connections_allowed(connection: Connection[TupleRow]) -> int:
    """How many connections the database grants to all its users together."""
    row = connection.execute(
        "SELECT sum(setting::int * CASE name WHEN 'max_connections' THEN 1 ELSE -1 END)::int FROM pg_settings"
        " WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
    ).fetchone()
    assert row is not None
    return int(row[0])


def prepare_start(settings: Settings) -> None:
    """What every start of the server does first, with a line in the log for each step.

    Several replicas may start at once: one works, the others wait and then find nothing left to do.
    """
    with psycopg.connect(settings.conninfo(), autocommit=True, application_name="notechondria-start") as connection:
        free = connection.execute("SELECT pg_try_advisory_lock(%s)", (START_LOCK,)).fetchone()
        if free != (True,):
            log.info("waiting for another start, which prepares the database")
            connection.execute("SELECT pg_advisory_lock(%s)", (START_LOCK,))
        allowed, needed = connections_allowed(connection), connections_needed(settings.workers)
        if allowed < needed:
            advice = "raise max_connections of the database, or start fewer workers: requests wait for a connection otherwise"
            log.warning("few database connections", allowed=allowed, needed=needed, workers=settings.workers, advice=advice)
        newer = unknown(settings.conninfo())
        if newer:
            # While a newer release is rolled out, replicas of this one may start once more; they cannot write in an old shape.
            log.warning("the schema is of a newer release", migrations=newer, advice=NEWER)
        done = prepare(settings)
        log.info("schema is up to date", applied=list(done.migrations))
        log.info("read models are up to date", rebuilt=list(done.rebuilt))
        if connection.execute("SELECT FROM log.facts WHERE name = 'file_store'").fetchone() is None:
            _bind_store(settings)
        _bootstrap(settings)


def _bind_store(settings: Settings) -> None:
    """Binds log and store of uploads at the first start, before anything is stored there."""
    with opened_services(settings) as services:
        try:
            owns_store(services)
        except BlobStoreUnavailable as error:
            log.warning("the store of uploads cannot be used", error=str(error))


@contextmanager
def opened_services(settings: Settings) -> Iterator[Services]:
    """The services with their connections for threads, for whoever works on the store without serving."""
    services = build_services(settings)
    services.thread_pool.open()
    try:
        yield services
    finally:
        services.log.close()
        services.thread_pool.close()


def _bootstrap(settings: Settings) -> None:
    if settings.superuser_password is None:
        log.info("no administrator is configured")
    if settings.superuser_password is None and not settings.revoke_sessions_on_start and not settings.bootstrap_sample_content:
        return
    with opened_services(settings) as services:
        if settings.superuser_password is not None:
            _ensure_administrator(services)
        if settings.bootstrap_sample_content:
            seed_samples(services)
        if settings.revoke_sessions_on_start:
            log.info("sessions ended on start", number=revoke_every_session(services.commands))


def _ensure_administrator(services: Services) -> None:
    """Servers that were set up long ago, and those where somebody else took name or address, shall start all the same."""
    administrator = administrator_of(services.settings)
    username = administrator.username
    ensured = ensure_administrator(services.commands, administrator)
    log.info("administrator", username=username, state=ensured.state)
    if ensured.state == "name taken":
        log.warning("another account has the administrator's name", username=username, advice=NAME_TAKEN.format(username=username))
    if ensured.email_taken:
        log.warning("another account has the administrator's address", username=username, advice=EMAIL_TAKEN)
    lacking = weakness(administrator.password)
    if lacking is not None:
        log.warning("the configured password of the administrator is weak", username=username, lacks=lacking)


def seed_samples(services: Services) -> list[str]:
    """Makes the sample courses that were never there; tells what was done. A server without its samples starts all the same."""
    context = Context(actor=None, channel="system", reason="sample courses")
    seeding = Seeding(services.commands, services.blobs, context)
    try:
        seeding.make_missing(services.settings.sample_root)
    except (MaterialMissing, BlobStoreUnavailable) as error:
        log.warning("no sample courses", reason=str(error))
    for line in seeding.log:
        log.info("sample courses", done=line)
    return seeding.log


def administrator_of(settings: Settings) -> Administrator:
    """The administrator that the settings name; they hold a password, which is trimmed like all (contract: accounts 4)."""
    assert settings.superuser_password is not None
    return Administrator(
        username=settings.superuser_username,
        email=settings.superuser_email or f"{settings.superuser_username}@localhost",
        password=settings.superuser_password.get_secret_value().strip(),
        keeps_email=settings.superuser_email is None,
    )


def run_background(settings: Settings, stop: threading.Event) -> None:
    """Runs all followers and reactors in this process until it is told to stop; returns once they have ended.

    May run in several processes at once: each loop works in one of them. Outlives restarts of the database.
    """
    conninfo = settings.conninfo()
    services = build_services(settings)
    services.thread_pool.open(wait=False)
    head = LogHead(conninfo)
    loops: list[Loop] = [Follower(p, conninfo, head) for p in ALL_PROJECTIONS if p.lifecycle == "following"]
    loops += [loop_for(reactor, services, conninfo, head) for reactor in ALL_REACTORS]
    runs = [(head.run, "log-head"), *((loop.run, loop.name) for loop in loops)]
    threads = [threading.Thread(target=run, args=(stop,), name=name) for run, name in runs]
    try:
        for thread in threads:
            thread.start()
        stop.wait()
    finally:
        stop.set()
        head.wake()
        for thread in threads:
            thread.join()
        services.log.close()
        services.thread_pool.close()


def server_key(settings: Settings) -> bytes:
    """The secret of the settings, else one that was made once and is kept in the database for all processes."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    with psycopg.connect(settings.conninfo(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO log.facts (name, value) VALUES ('secret_key', %s) ON CONFLICT DO NOTHING",
            (secrets.token_hex(32),),
        )
        row = connection.execute("SELECT value FROM log.facts WHERE name = 'secret_key'").fetchone()
    assert row is not None
    return bytes.fromhex(row[0])
