"""Sample histories of every area: stories of streams, in the order in which they happened.

What no story tells of a projection's events is tried with their golden samples at the end of a story of the same area; whoever
adds an event whose sample says little there writes it into a story. The tests in test_histories.py cut and mix the histories,
apply every batch twice, and compare with the history applied whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from eventstore.events import (
    Event,
    accounts,
    attachments,
    calendars,
    courses,
    invitations,
    note_sessions,
    notes,
    planner,
    sessions,
    subscriptions,
)
from projections.base import Projection
from tests.golden.publish import sample


@dataclass(frozen=True)
class Story:
    """What happened to one stream."""

    stream: str
    events: tuple[tuple[type[Event], dict[str, Any]], ...]


def story(stream: str, *events: type[Event] | tuple[type[Event], dict[str, Any]]) -> Story:
    """The events of a stream: types alone where the golden sample's payload will do, else with what differs from it."""
    return Story(
        stream,
        tuple((event, payload_of(event)) if isinstance(event, type) else (event[0], payload_of(event[0]) | event[1]) for event in events),
    )


def payload_of(event_type: type[Event]) -> dict[str, Any]:
    """The payload of a type's sample."""
    payload = dict(vars(sample(event_type)))
    for name in ("originator_id", "originator_version", "timestamp"):
        del payload[name]
    for name, value in payload.items():
        if isinstance(value, str) and name.endswith("_at"):
            payload[name] = "2026-01-01T10:00:00+00:00"
        elif isinstance(value, str) and name.endswith("_date"):
            payload[name] = "2026-01-01"
    plain: dict[str, Any] = json.loads(json.dumps(payload))
    return plain


def _note(owner: int, uuid: str, content: str) -> tuple[type[Event], dict[str, Any]]:
    more = {"owner_id": owner, "uuid": uuid, "content": content, "course_id": None, "client_draft_id": None, "metadata_json": "{}"}
    return notes.NoteCreated, more


HISTORIES: tuple[Story, ...] = (
    story(
        "account-1",
        (accounts.AccountRegistered, {"username": "mira", "email": "mira@example.org"}),
        accounts.AccountVerified,
        (accounts.AccountPromoted, {"is_staff": True, "is_superuser": False}),
        (accounts.ApiKeyRotated, {"key_digest": "one", "key_prefix": "ntc_1"}),
        (accounts.ApiKeyRotated, {"key_digest": "two", "key_prefix": "ntc_2"}),
    ),
    story("account-2", (accounts.AccountRegistered, {"username": "jan", "email": "jan@example.org"}), accounts.AccountVerified),
    story("invitation-1", (invitations.InvitationCreated, {"code_digest": "a"}), *[invitations.InvitationUsed] * 2),
    story("invitation-2", (invitations.InvitationCreated, {"code_digest": "b", "expires_at": None})),
    story(
        "session-1", (sessions.SessionStarted, {"account_id": 1, "key_digest": "a"}), *[sessions.SessionSeen] * 3, sessions.SessionRevoked
    ),
    story("session-2", (sessions.SessionStarted, {"account_id": 2, "key_digest": "b"}), sessions.SessionSeen),
    story("session-3", (sessions.SessionStarted, {"account_id": 1, "key_digest": "c"}), sessions.SessionRevoked, sessions.SessionRetired),
    story(
        "attachment-1",
        (attachments.AttachmentUploaded, {"note_id": 1, "owner_id": 1, "path": "a"}),
        attachments.AttachmentDeleted,
        attachments.AttachmentRestored,
    ),
    story(
        "attachment-2",
        (attachments.AttachmentUploaded, {"note_id": 1, "owner_id": 1, "path": "b"}),
        attachments.AttachmentDeleted,
        attachments.AttachmentPurged,
    ),
    story(
        "course-1",
        (courses.CourseCreated, {"owner_id": 1, "slug": "one", "client_course_id": None}),
        (courses.CourseMediaAdded, {"media": {"id": 1, "title": "t", "description": "", "source": "", "path": "a.png"}}),
        courses.CourseRenamed,
        courses.CourseDescribed,
        courses.CourseIconChanged,
        courses.CourseColorChanged,
        courses.CourseArranged,
        courses.CourseTouched,
        (courses.CourseDeleted, {"note_ids": [1]}),
        (courses.CourseRestored, {"client_course_id": None}),
    ),
    story(
        "course-2",
        (courses.CourseCreated, {"owner_id": 2, "slug": "two", "client_course_id": None}),
        (courses.CourseDeleted, {"note_ids": []}),
    ),
    story(
        "subscription-1-2",
        (subscriptions.CourseSubscribed, {"account_id": 1, "course_id": 2}),
        subscriptions.CourseOpened,
        subscriptions.CourseUnsubscribed,
        (subscriptions.CourseSubscribed, {"account_id": 1, "course_id": 2}),
    ),
    story("subscription-2-2", (subscriptions.CourseSubscribed, {"account_id": 2, "course_id": 2}), subscriptions.CourseUnsubscribed),
    story(
        "note-1",
        _note(1, "5b0c1c0e-0000-4000-8000-000000000001", "# One\n\nfirst line\nsecond line\n"),
        (notes.NoteTextSpliced, {"at": 7, "removed": 5, "inserted": "1st"}),
        (notes.NoteTextSpliced, {"at": 0, "removed": 5, "inserted": ""}),
        (notes.NoteRenamed, {"title": "Another"}),
        (notes.NoteTextReplaced, {"content": "all\nnew\n"}),
        (notes.NoteTextSpliced, {"at": 3, "removed": 0, "inserted": " of it"}),
        (
            notes.NoteBlocksWritten,
            {"at": 0, "removed": 0, "inserted": [[1, "N", "a block"], [2, "C", "x = 1", "python"], [3, "N", "the last"]], "texts": None},
        ),
        (notes.NoteBlocksWritten, {"at": 1, "removed": 1, "inserted": [], "texts": None}),
        (notes.NoteBlocksWritten, {"at": 0, "removed": 1, "inserted": [[1, "N", 5], [4, "N", 6]], "texts": [7, 0, ", cut"]}),
        (notes.NoteBlocksReplaced, {"blocks": [[5, "T", "all"], [6, "N", "other ones", None, True]]}),
        (notes.NoteBlocksWritten, {"at": 1, "removed": 1, "inserted": [[6, "N", 4]], "texts": [1, 6, ""]}),
        notes.NotePublished,
        (notes.NoteMetadataChanged, {"metadata_json": '{"a": 1}'}),
        notes.NoteUnpublished,
        (notes.NoteDescribed, {"description": "what it is about"}),
        (notes.NoteCoverChanged, {"path": "a.png", "owner_id": 0, "size": 0}),
        (notes.NoteCoverChanged, {"path": "b.png", "owner_id": 1, "size": 5}),
        (notes.NoteCoverChanged, {"path": "", "owner_id": 1, "size": 0}),
        (notes.NoteCoverChanged, {"path": "a.png", "owner_id": 1, "size": 0}),
    ),
    story(
        "note-2",
        _note(2, "5b0c1c0e-0000-4000-8000-000000000002", ""),
        (notes.NoteDescribed, {"description": "no text yet"}),
        (notes.NoteTextReplaced, {"content": "now there is"}),
        (notes.NoteDraftRecognised, {"client_draft_id": "two"}),
        (notes.NoteDraftRecognised, {"client_draft_id": "three"}),
    ),
    story(
        "calendar-feed-1",
        (calendars.CalendarFeedAdded, {"owner_id": 1, "course_id": None, "source_url": "https://example.org/a.ics"}),
        (calendars.CalendarTextGiven, {"digest": "ab" * 32, "packed": "eJwDAAAAAAE=", "size": 0}),
        calendars.CalendarFeedRenamed,
        calendars.CalendarFeedLabelled,
        (calendars.CalendarFeedSourced, {"source_url": ""}),
        calendars.CalendarTextTaken,
        calendars.CalendarFeedFiled,
        calendars.CalendarFeedDisabled,
        calendars.CalendarFeedEnabled,
        calendars.CalendarFeedRemoved,
        calendars.CalendarFeedRestored,
    ),
    story(
        "calendar-address-1",
        (calendars.CalendarAddressMade, {"owner_id": 1, "token_digest": "one"}),
        (calendars.CalendarAddressRotated, {"token_digest": "two"}),
        calendars.CalendarAddressUsed,
        calendars.CalendarAddressRevoked,
    ),
    story(
        "planner-event-1",
        (planner.PlannerEventCreated, {"owner_id": 1, "starts_at": "2031-05-06T14:00:00[Europe/Rome]", "client_event_id": "a"}),
        (planner.PlannerEventMoved, {"starts_at": "2031-05-07T14:00:00", "ends_at": "2031-05-07T15:00:00+00:00[Asia/Tokyo]"}),
        planner.PlannerEventCompleted,
        planner.PlannerEventReopened,
        planner.PlannerEventRenamed,
        planner.PlannerEventWeighed,
        planner.PlannerEventDescribed,
        planner.PlannerEventFiled,
        planner.PlannerEventCompletionTimed,
        planner.PlannerEventDeleted,
        planner.PlannerEventRestored,
    ),
    story(
        "note-session-1",
        (note_sessions.NoteSessionStarted, {"owner_id": 1, "note_id": 1, "ended_at": None}),
        note_sessions.NoteSessionRenamed,
        note_sessions.NoteSessionSummarised,
        note_sessions.NoteSessionStartMoved,
        note_sessions.NoteSessionEnded,
        note_sessions.NoteSessionReopened,
    ),
    story("note-session-2", (note_sessions.NoteSessionStarted, {"owner_id": 1, "note_id": 2}), note_sessions.NoteSessionPurged),
    story("planner-1", (planner.TimeZoneChosen, {"zone": "Europe/Rome"}), (planner.TimeZoneChosen, {"zone": None})),
)


def histories(projection: Projection) -> tuple[Story, ...]:
    """The stories of a projection, those with events that it handles; what it handles and none of them tells comes at their ends."""
    fitting = [s for s in HISTORIES if any(event_type in projection.handlers for event_type, _ in s.events)]
    if not fitting:
        kind = next((table.stream for table in projection.tables if table.stream is not None), None)
        if kind is None:
            raise LookupError(f"{projection.name} has no story: add one to tests/replay/histories.py")
        return (story(f"{kind}-1", *projection.handlers),)
    told = {event_type for s in fitting for event_type, _ in s.events}
    # What removes rows comes last, and not to the only story: behind it there is nothing left to change, and something has to stay.
    for event_type in sorted(projection.handlers.keys() - told, key=lambda untold: (_removes(untold), untold.__name__)):
        of_its_area = [n for n, s in enumerate(fitting) if s.events[0][0].__module__ == event_type.__module__] or range(len(fitting))
        at = of_its_area[-1 if _removes(event_type) else 0]
        fitting[at] = Story(fitting[at].stream, (*fitting[at].events, (event_type, payload_of(event_type))))
    return tuple(fitting)


def _removes(event_type: type[Event]) -> bool:
    return event_type.__name__.endswith(("Purged", "Erased", "Expired", "Forgotten", "Removed"))
