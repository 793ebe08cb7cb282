"""Notes the caller's session or API key as used, after the answer has been sent."""

from __future__ import annotations

import logging

from starlette.background import BackgroundTask
from starlette.responses import Response

from api.call import Call
from eventstore.database import UNAVAILABLE
from eventstore.uses import note_use, use_is_due

log = logging.getLogger("notechondria.sessions")


def with_presence(call: Call, response: Response) -> Response:
    """The response, followed by the note when one is due."""
    if use_is_due(call.caller) and response.background is None:
        response.background = BackgroundTask(call.in_thread, _note, call)
    return response


def _note(call: Call) -> None:
    assert call.caller is not None
    try:
        note_use(call.services.thread_pool, call.caller)
    except UNAVAILABLE:
        log.warning("the use of a session could not be noted: the database is away")
