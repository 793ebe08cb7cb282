"""Does what staff have asked for in the console: rebuilds, verifications, retries of parked streams."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

import structlog

from eventstore.jobs import Job, Pool, finish_job, note_progress, take_job
from projections.base import Projection
from projections.catalog import ALL_PROJECTIONS
from projections.loops import connect
from projections.parking import describe, retry_parked
from projections.progress import Progress
from projections.rebuild import rebuild
from projections.verify import verify
from reactors.following import Periodic, Reactor, retry_reactor
from settings import Settings

TELL_EVERY_S = 0.5
ALL = "*"

log = structlog.get_logger("notechondria.jobs")


class JobServices(Protocol):
    """What jobs need."""

    @property
    def settings(self) -> Settings:
        """Where the database is."""

    @property
    def thread_pool(self) -> Pool:
        """Connections."""


def do_jobs(services: JobServices) -> None:
    """Starts the oldest waiting job in a thread of its own, unless one is being done here."""
    if any(thread.name == THREAD for thread in threading.enumerate()):
        return
    job = take_job(services.thread_pool)
    if job is not None:
        threading.Thread(target=do_job, args=(job, services), name=THREAD, daemon=True).start()


def do_job(job: Job, services: JobServices) -> None:
    """Does the job and tells what it came to."""
    try:
        outcome, failed = _done(job, services), False
    except Exception as error:  # noqa: BLE001 - told to who has asked
        log.warning("job failed", job=job.id, action=job.action, target=job.target, error=describe(error))
        outcome, failed = describe(error), True
    finish_job(services.thread_pool, job.id, outcome, failed=failed)


def _done(job: Job, services: JobServices) -> str:
    conninfo = services.settings.conninfo()
    if job.action == "retry":
        return _retry(job.target, services)
    chosen = [p for p in ALL_PROJECTIONS if job.target in (ALL, p.name)]
    progress = _told(job, services.thread_pool)
    if job.action == "rebuild":
        done = rebuild(conninfo, chosen, progress=progress)
        waiting = f" {done.parked} streams wait because of errors." if done.parked else ""
        return f"{done.events} events in {done.seconds:.1f} s; writers waited {done.swap_ms:.0f} ms.{waiting}"
    found = verify(conninfo, chosen, progress=progress)
    if not found.different:
        return f"{found.rows} rows are what {found.events} events make of them."
    kinds = "; ".join(f"{d.kind} {d.projection}.{d.table} {dict(d.key)}" for d in found.differences[:5])
    raise RowsDiffer(f"{found.different} of {found.rows} rows differ: {kinds}")


class RowsDiffer(Exception):
    """The live tables are not what the log makes of them."""


def _retry(target: str, services: JobServices) -> str:
    from reactors.catalog import ALL_REACTORS

    with connect(services.settings.conninfo(), "notechondria-retry") as connection:
        projection: Sequence[Projection] = [p for p in ALL_PROJECTIONS if p.name == target and p.lifecycle == "following"]
        reactors: list[Reactor[Any]] = [r for r in ALL_REACTORS if isinstance(r, Reactor) and r.name == target]
        if projection:
            freed, left = retry_parked(connection, projection[0])
        elif reactors:
            freed, left = retry_reactor(connection, reactors[0], services)
        else:
            return "Nothing can wait there."
    return f"{len(freed)} streams are free again, {len(left)} still wait."


def _told(job: Job, pool: Pool) -> Progress:
    last = 0.0

    def tell(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= TELL_EVERY_S or progress.phase == "done":
            last = now
            note_progress(pool, job.id, progress.phase, progress.position, progress.head, progress.events_per_second)

    return Progress(tell=tell)


THREAD = "console-job"
JOBS = Periodic("jobs", timedelta(seconds=1), do_jobs)
