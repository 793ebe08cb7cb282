"""Answers to what decisions about notes ask; see commands/notes/lookups.py for what each means."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from projections.answers import SqlAnswers
from projections.reading import Query

_INBOX = "(SELECT c.id FROM courses.courses c WHERE c.owner_id = %(viewer)s AND c.is_default AND c.deleted_at IS NULL)"
_COURSE = f"""
coalesce(
    (SELECT c.id FROM courses.courses c
     WHERE c.id = %(course)s::bigint AND c.deleted_at IS NULL
       AND (c.owner_id = %(viewer)s OR c.owner_id IS NULL OR EXISTS (
           SELECT FROM subscriptions.subscriptions s
           WHERE s.course_id = c.id AND s.account_id = %(viewer)s AND s.is_active))),
    {_INBOX})"""

_NEW = """
SELECT nextval('log.note_ids'), {draft}, {twins}, {course},
       coalesce((SELECT editor_mode FROM accounts.accounts WHERE id = %(viewer)s), 'P'), {source}, {offline}"""
_BY_FURTHER_NAME = """
SELECT id FROM notes.notes
WHERE owner_id = %(viewer)s AND further_drafts <> '' AND further_drafts::jsonb @> to_jsonb(%(draft)s::text)"""
_DRAFT = f"""
coalesce((SELECT id FROM notes.notes WHERE owner_id = %(viewer)s AND client_draft_id = %(draft)s::text), ({_BY_FURTHER_NAME} LIMIT 1))"""
_SOURCE = """
(SELECT uuid FROM notes.notes WHERE uuid = %(source)s::text AND deleted_at IS NULL AND (is_public OR owner_id = %(viewer)s))"""
_OFFLINE = "(SELECT id FROM notes.notes WHERE id = %(offline)s::bigint AND owner_id = %(viewer)s)"
_TWINS = """
SELECT n.id FROM notes.notes n JOIN notes.note_texts t ON t.note_id = n.id
WHERE n.owner_id = %(viewer)s AND n.deleted_at IS NULL AND n.last_edit > %(since)s AND n.created_at > %(since)s
  AND n.client_draft_id <> %(draft)s::text AND n.title = %(title)s AND t.content = %(content)s
  AND n.note_type = %(note_type)s AND n.source_note_uuid IS NOT DISTINCT FROM {source} AND n.course_id = {course}"""
MOST_TWINS = 10
"""So many, the newest, are compared with a draft: a device may send hundreds of empty ones that differ in what lies beside their texts."""
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(7266111, %(first)s::int), pg_advisory_xact_lock(7266111, %(second)s::int)"
# That no new note has the name, a unique rule sees to.
_IS_NEW_NAME = f"SELECT log.require(NOT EXISTS ({_BY_FURTHER_NAME}))"
_IS_NEW = f"""
SELECT log.require(NOT EXISTS ({_BY_FURTHER_NAME}) AND NOT EXISTS (
    {_TWINS.format(source="%(source)s::text", course="%(course)s::bigint")}
    AND n.id <> %(note)s::bigint AND n.id <> ALL(%(met)s::bigint[]) AND n.id > %(beyond)s::bigint))"""
_IS_NO_OTHERS = f"""
SELECT log.require(NOT EXISTS (
    SELECT FROM notes.notes WHERE owner_id = %(viewer)s AND client_draft_id = %(draft)s::text AND id <> %(note)s::bigint
) AND NOT EXISTS ({_BY_FURTHER_NAME} AND id <> %(note)s::bigint))"""
_IS_THERE = """
SELECT log.require(EXISTS (SELECT FROM notes.notes WHERE id = %(note)s AND deleted_at IS NULL FOR SHARE))"""
_SOURCE_IS_THERE = """
SELECT log.require(EXISTS (SELECT FROM notes.notes WHERE uuid = %(uuid)s AND deleted_at IS NULL FOR SHARE))"""
_NO_PUBLIC_COMMENTS = """
SELECT log.require(NOT EXISTS (
    SELECT FROM notes.notes
    WHERE source_note_uuid = ANY(%(uuids)s::text[]) AND note_type = 'C' AND is_public AND deleted_at IS NULL
      AND owner_id IS DISTINCT FROM %(but_of)s::bigint))"""

_NOTHING = "NULL::bigint"

NewNoteParts = tuple[int, int | None, Sequence[int], int | None, str, str | None, int | None]


def new_note(incoming: Any) -> Query:
    """What a new note of the caller's meets, as the parts of a commands.notes.lookups.NewNote."""
    drafted = incoming.client_draft_id is not None
    # What was not sent is not looked for: to set a question up takes longer than to answer it.
    course = _COURSE if incoming.course_id is not None else _INBOX
    source = _SOURCE if incoming.source_note_uuid is not None else "NULL::text"
    newest = f"{_TWINS.format(course=course, source=source)} ORDER BY n.id DESC LIMIT {MOST_TWINS}"
    twins = f"ARRAY(SELECT id FROM ({newest}) AS newest ORDER BY id)"
    sql = _NEW.format(
        draft=_DRAFT if drafted else _NOTHING,
        twins=twins if drafted and incoming.may_have_twin else "'{}'::bigint[]",
        course=course,
        source=source,
        offline=_OFFLINE if incoming.offline_source_id is not None else _NOTHING,
    )
    params = {
        "course": incoming.course_id,
        "draft": incoming.client_draft_id,
        "source": incoming.source_note_uuid,
        "offline": incoming.offline_source_id,
        "since": incoming.since,
        "title": incoming.title,
        "note_type": incoming.note_type,
        "content": incoming.content,
    }
    return Query(sql, params)


def _number(account_id: int, text: str) -> int:
    """32 bits, signed: whoever has the same waits."""
    return int.from_bytes(hashlib.sha256(f"{account_id}\0{text}".encode()).digest()[:4], "big", signed=True)


class NoteAnswers(SqlAnswers):
    """Asked inside commands, in a thread."""

    def for_new_note(self, account_id: int, incoming: Any) -> NewNoteParts:
        """Everything that creating a note has to know, in one round trip."""
        query = new_note(incoming)
        row = self.row(query.sql, viewer=account_id, **query.params)
        assert row is not None
        return row[0], row[1], row[2], row[3], row[4], row[5], row[6]

    def course_for_notes(self, account_id: int, course_id: int | None) -> int | None:
        """Own courses, those without an owner and those that the account follows, else the Inbox."""
        row = self.row(f"SELECT {_COURSE}", viewer=account_id, course=course_id)
        return row[0] if row else None

    def note_is_there(self, note_id: int) -> Query:
        """Not deleted, for as long as the transaction lasts."""
        return Query(_IS_THERE, {"note": note_id})

    def drafts_take_turns(self, account_id: int, incoming: Any) -> Query:
        """By the draft's name, and by what it says. In order of numbers, so that two uploads do not wait for each other."""
        first, second = sorted(_number(account_id, part) for part in (incoming.client_draft_id, f"{incoming.title}\0{incoming.content}"))
        return Query(_TAKE_TURNS, {"first": first, "second": second})

    def draft_is_no_others(self, account_id: int, note_id: int, incoming: Any) -> Query:
        """By the first names and all others."""
        return Query(_IS_NO_OTHERS, {"viewer": account_id, "note": note_id, "draft": incoming.client_draft_id})

    def draft_is_new(self, account_id: int, note_id: int, incoming: Any, filed: tuple[int, str | None], met: Sequence[int]) -> Query:
        """Asked as for_new_note does."""
        if not incoming.may_have_twin:
            return Query(_IS_NEW_NAME, {"viewer": account_id, "draft": incoming.client_draft_id})
        course_id, source = filed
        beyond = min(met) if len(met) == MOST_TWINS else 0
        params = {"viewer": account_id, "note": note_id, "met": list(met), "beyond": beyond}
        return Query(_IS_NEW, {**new_note(incoming).params, **params, "course": course_id, "source": source})

    def source_is_there(self, uuid: str) -> Query:
        """The same by uuid."""
        return Query(_SOURCE_IS_THERE, {"uuid": uuid})

    def no_public_comments(self, uuids: Sequence[str], but_of: int | None) -> Query:
        """Also none that was made meanwhile."""
        return Query(_NO_PUBLIC_COMMENTS, {"uuids": list(uuids), "but_of": but_of})

    def note_of_uuid(self, uuid: str) -> int | None:
        """By uuid, also in the bin."""
        return self.number("SELECT id FROM notes.notes WHERE uuid = %(uuid)s", uuid=uuid)

    def comments_on(self, uuids: Sequence[str]) -> Sequence[int]:
        """By source."""
        sql = "SELECT id FROM notes.notes WHERE source_note_uuid = ANY(%(uuids)s::text[]) ORDER BY id"
        return [i for (i,) in self.rows(sql, uuids=list(uuids))]

    def latest_deletion(self, account_id: int) -> datetime | None:
        """When the newest of the account's deleted notes was deleted."""
        row = self.row("SELECT max(deleted_at) FROM notes.notes WHERE owner_id = %(account)s", account=account_id)
        return row[0] if row else None

    def owners_of_old_bins(self, before: datetime) -> list[int]:
        """Accounts in whose recycle bins lie notes or attachments that were deleted before a time."""
        rows = self.rows(
            "SELECT owner_id FROM notes.notes WHERE deleted_at < %(before)s"
            " UNION SELECT owner_id FROM attachments.attachments WHERE deleted_at < %(before)s ORDER BY 1",
            before=before,
        )
        return [owner for (owner,) in rows]

    def deleted_notes(self, account_id: int, before: datetime | None = None, *, after: int = 0, limit: int | None = None) -> Sequence[int]:
        """The bin."""
        return [
            i
            for (i,) in self.rows(
                "SELECT id FROM notes.notes WHERE owner_id = %(account)s AND deleted_at < coalesce(%(before)s::timestamptz, 'infinity')"
                " AND id > %(after)s ORDER BY id LIMIT %(limit)s",
                account=account_id,
                before=before,
                after=after,
                limit=limit,
            )
        ]

    def note_version_at(self, note_id: int, moment: datetime) -> int:
        """From the log: the times in a stream never run backwards."""
        row = self.row(
            "SELECT coalesce(max(version), 0) FROM log.events WHERE stream = %(stream)s AND recorded_at <= %(moment)s",
            stream=f"note-{note_id}",
            moment=moment,
        )
        return int(row[0]) if row else 0
