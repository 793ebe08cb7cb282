"""Notes the caller's session or API key as used, after the answer has been sent."""

from __future__ import annotations

import logging

from starlette.background import BackgroundTask
from starlette.responses import Response

from api.call import Call
from commands.presence import note_presence, presence_is_due
from eventstore.database import UNAVAILABLE
from eventstore.key_uses import note_key_use

log = logging.getLogger("notechondria.sessions")


def with_presence(call: Call, response: Response) -> Response:
    """The response, followed by the note when one is due."""
    if presence_is_due(call.caller) and response.background is None:
        response.background = BackgroundTask(call.in_thread, _note, call)
    return response


def _note(call: Call) -> None:
    assert call.caller is not None
    services = call.services
    try:
        note_presence(services.commands, lambda account_id: note_key_use(services.thread_pool, account_id), call.caller)
    except UNAVAILABLE:
        log.warning("the use of a session could not be noted: the database is away")
