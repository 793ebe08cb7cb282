"""Pages about the server itself: how it is, its projections, and the work on them."""

from __future__ import annotations

from starlette.responses import Response

from api.console.visit import PATH_PREFIX, Visit
from commands.errors import Invalid, NotFound
from commands.operations import request_operation
from eventstore.jobs import find_job, queueing, recent_jobs
from projections import console
from projections.catalog import ALL_PROJECTIONS
from projections.health import Health, health_now
from projections.parking import Parked, parked_streams

ALL = "*"
REACTOR = "reactor:"


def overview(visit: Visit) -> Response:
    """How the server is, in one look."""
    health, parked = _state(visit)
    pool = visit.services.thread_pool
    newest = console.search_events(pool, stream="", event_type="", actor=None, before=health.head + 1)[:12]
    return visit.page("overview.html", health=health, parked=sum(map(len, parked.values())), events=newest, jobs=recent_jobs(pool)[:5])


def list_projections(visit: Visit) -> Response:
    """Projections and reactors with their lag, parked streams, and the work asked for."""
    health, parked = _state(visit)
    return visit.page("projections.html", health=health, parked=parked, jobs=recent_jobs(visit.services.thread_pool))


def ask_for(visit: Visit) -> Response:
    """Asks the background process for a rebuild, a verification or a retry."""
    action, target = visit.form.get("action", ""), visit.form.get("target", "")
    rebuildable = {projection.name for projection in ALL_PROJECTIONS} | {ALL}
    known = rebuildable if action in ("rebuild", "verify") else {follower.name for follower in _state(visit)[0].followers}
    if action not in ("rebuild", "verify", "retry") or target not in known:
        raise Invalid({"target": ["There is nothing of this name."]})
    _, row = visit.act(lambda work: request_operation(work, action, target), lambda operation: queueing(operation, action, target))
    return visit.there(f"{PATH_PREFIX}/projections#job-{row[0]}")


def show_job(visit: Visit) -> Response:
    """The line of one job, asked for again and again while it runs."""
    job = find_job(visit.services.thread_pool, visit.number("id"))
    if job is None:
        raise NotFound("job")
    return visit.page("job.html", job=job)


def _state(visit: Visit) -> tuple[Health, dict[str, list[Parked]]]:
    with visit.services.thread_pool.connection() as connection:
        health = health_now(connection)
        waiting = {
            follower.name: parked_streams(connection, (REACTOR if follower.kind == "reactor" else "") + follower.name)
            for follower in health.followers
            if follower.parked
        }
    return health, waiting
