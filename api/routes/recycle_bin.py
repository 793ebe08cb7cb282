"""The recycle bin of every kind: what lies in it, and the way back (contract: notes 9 for notes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from api.call import Call
from api.routing import Route
from api.schemas.attachments import AttachmentOut
from api.schemas.calendars import CalendarFeedOut
from api.schemas.courses import CourseOut
from api.schemas.notes import NoteOut
from api.schemas.planner import PlannerEventOut
from api.schemas.preconditions import STALE
from api.schemas.recycle_bin import BinEntryOut
from api.writing import carry_out
from commands.attachments.commands import restore_attachment
from commands.calendars.feeds import restore_calendar_feed
from commands.courses.bin import restore_course
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.bin import restore_note
from commands.planner.events import restore_planner_event
from projections.attachments.queries import made_attachment
from projections.calendars.queries import get_restored_calendar_feed
from projections.courses.queries import get_course
from projections.notes.queries import get_note
from projections.planner.queries import get_planner_event
from projections.reading import Query
from projections.recycle_bin import list_recycle_bin


@dataclass(frozen=True, slots=True)
class Restorable:
    """How one kind comes back: the decision, the question for the restored thing, its shape, and where in the answer its JSON stands."""

    decide: Callable[[Work[Lookups], int, int], Any]
    ask: Callable[[int], Query]
    shape: Any
    column: int = 0
    answers: Mapping[int, Any] = field(default_factory=dict)


RESTORABLE: Mapping[str, Restorable] = {
    "note": Restorable(restore_note, get_note, NoteOut, 2, STALE),
    "course": Restorable(restore_course, get_course, CourseOut, 2),
    "attachment": Restorable(restore_attachment, made_attachment, AttachmentOut),
    "calendar": Restorable(lambda work, _, feed_id: restore_calendar_feed(work, feed_id), get_restored_calendar_feed, CalendarFeedOut),
    "event": Restorable(lambda work, _, event_id: restore_planner_event(work, event_id), get_planner_event, PlannerEventOut),
}


async def list_bin(call: Call) -> bytes:
    """What the caller has deleted and can restore, latest deletion first."""
    (entries,) = await call.ask(list_recycle_bin())
    return bytes(entries)


def _restore(kind: Restorable) -> Callable[[Call], Response]:
    def restore(call: Call) -> Response:
        """Brings it back with all that it had."""
        assert call.caller is not None
        account_id, number = call.caller.account_id, call.path["id"]
        assert account_id is not None
        return carry_out(
            call,
            lambda work: kind.decide(work, account_id, number),
            lambda _, row: (200, bytes(row[kind.column]) if row else b"{}"),
            answer=lambda _: kind.ask(number),
        )

    return restore


ROUTES = [
    Route(
        "GET",
        "/recycle-bin/",
        list_bin,
        "List the recycle bin",
        description="What can be restored, most recently deleted first.",
        answer=list[BinEntryOut],
    ),
    *(
        Route(
            "POST",
            f"/recycle-bin/{name}/{{id:int}}/restore/",
            _restore(kind),
            f"Restore a deleted {name}",
            answer=kind.shape,
            answers=kind.answers,
            description="Answers with the restored object. 404 unless it is the caller's and in the recycle bin.",
        )
        for name, kind in RESTORABLE.items()
    ),
]
