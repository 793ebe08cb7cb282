"""Pages about the log: events, what caused them, and streams as they were at any version."""

from __future__ import annotations

from starlette.responses import Response

from api.console.visit import Visit
from commands.errors import NotFound
from commands.time_travel import state_at
from projections import console

LAST_VERSION = 2**31 - 1


def list_events(visit: Visit) -> Response:
    """The newest events, or those that fit."""
    stream, event_type, actor = visit.text("stream"), visit.text("type"), visit.number("actor", -1)
    before = visit.number("before") or console.log_head(visit.services.thread_pool) + 1
    found = console.search_events(
        visit.services.thread_pool, stream=stream, event_type=event_type, actor=None if actor < 0 else actor, before=before
    )
    # Where the search went no further, the next page begins.
    older = found[-1]["position"] if len(found) == console.PAGE else 0 if stream else max(0, before - console.REACH)
    chosen = {"stream": stream, "type": event_type, "actor": "" if actor < 0 else actor}
    return visit.page("events.html", events=found, chosen=chosen, older=older)


def show_event(visit: Visit) -> Response:
    """One event whole, what caused it and what it caused."""
    event = console.get_event(visit.services.thread_pool, visit.number("position"))
    if event is None:
        raise NotFound("event")
    return visit.page("event.html", event=event)


def show_stream(visit: Visit) -> Response:
    """A stream and its state after any of its events."""
    stream = str(visit.request.path_params["stream"])[:200].replace("\0", "")
    last, _ = console.get_stream(visit.services.thread_pool, stream, 0)
    if not last:
        raise NotFound("stream")
    at = min(visit.number("at") or last, last)
    _, events = console.get_stream(visit.services.thread_pool, stream, min(LAST_VERSION, last if visit.query.get("all") else at))
    return visit.page("stream.html", stream=stream, last=last, at=at, events=events, state=state_at(visit.services.log, stream, at))
