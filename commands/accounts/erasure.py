"""Erasing an account: shut at once, then everything of it overwritten in the log, and at last itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

from commands.accounts.aggregate import Account
from commands.accounts.codes import IDENTITY, identity_target
from commands.accounts.proofs import Proofs
from commands.accounts.refusals import own_account
from commands.aggregate import Aggregate
from commands.attachments.aggregate import Attachment
from commands.calendars.aggregates import CalendarAddress, CalendarFeed
from commands.context import Context
from commands.courses.aggregate import Course
from commands.courses.inbox import inbox_of
from commands.errors import Declined
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.note_sessions.aggregate import NoteSession
from commands.notes.aggregate import Note
from commands.notes.bin import comments_on, hide_comment
from commands.planner.aggregate import Planner, PlannerEvent
from commands.sessions import Session
from commands.subscriptions import Subscription
from eventstore.events import accounts, notes
from eventstore.events.erasure import OwnerErased
from eventstore.writers import await_writers

AT_ONCE = 100
"""Streams that are erased in one transaction."""
KINDS: dict[str, type[Aggregate]] = {
    kind.kind: kind
    for kind in (
        Attachment,
        CalendarAddress,
        CalendarFeed,
        Course,
        Note,
        NoteSession,
        Planner,
        PlannerEvent,
        Session,
        Subscription,
    )
}
"""Whatever an account can own. An area that is added here also says in its read models what belongs to whom."""
CODE_REFUSED = "Account not erased: Backend.Creators.Auth/account.erase — the identity code is wrong, used up or expired."


def request_erasure(
    lookups: Lookups, proofs: Proofs, account_id: int, *, digits: str, network: str
) -> tuple[Callable[[Work[Lookups]], None], Callable[[], str]]:
    """(the decision that shuts the account and ends its sessions; what tells the code's id afterwards)."""

    @cache
    def code() -> str:
        target = identity_target(account_id, lookups.address_of(account_id))
        return proofs.checked_code(IDENTITY, target, digits, network=network, refusal=Declined(CODE_REFUSED))

    def decide(work: Work[Lookups]) -> None:
        account = own_account(work, account_id)
        code_id = code()
        if account.state == "erasing":
            return
        if code_id in account.used_codes:
            raise Declined(CODE_REFUSED)
        account.trigger(accounts.AccountErasureRequested, work.context.now, code_id=code_id)

    return decide, code


def erase(handling: Handling[Lookups], account_id: int) -> None:
    """Erases an account that was shut for it, in steps that can be repeated and done by two at once."""
    await_writers(handling.log.pool)
    context = Context(actor=None, channel="system", reason="erasure")
    while handling.run(partial(_erase_some, account_id=account_id), context).result:
        pass
    handling.run(partial(_erase_account, account_id=account_id), context)


def _erase_some(work: Work[Lookups], account_id: int) -> bool:
    """Overwrites some streams of the account; whether there may be more."""
    ids_of: dict[str, list[tuple[int, ...]]] = {}
    for kind, ids in work.lookups.owned_streams(account_id, AT_ONCE):
        ids_of.setdefault(kind, []).append(ids)
    owned = [one for kind, some in ids_of.items() for one in work.find_all(KINDS[kind], some)]
    _cut_off_comments(work, account_id, [one for one in owned if isinstance(one, Note) and not one.is_purged])
    _hand_back_notes(work, account_id, [one.number for one in owned if isinstance(one, Course)])
    for one in owned:
        work.forget(one)
        one.trigger(OwnerErased, work.context.now)
    return bool(owned)


def _hand_back_notes(work: Work[Lookups], account_id: int, course_ids: Sequence[int]) -> None:
    """What others have filed in these courses goes to their own Inbox."""
    if not course_ids:
        return
    foreign = [filed for filed in work.lookups.notes_in_courses(course_ids) if filed[1] != account_id]
    inboxes = {author_id: inbox_of(work, author_id) for author_id in dict.fromkeys(author_id for _, author_id, _ in foreign)}
    course_of = {note_id: course_id for note_id, _, course_id in foreign}
    for note in work.find_all(Note, course_of):
        note.trigger(notes.NoteFiled, work.context.now, course_id=inboxes[note.owner_id], with_course=course_of[note.number])


def _cut_off_comments(work: Work[Lookups], account_id: int, sources: Sequence[Note]) -> None:
    """Comments that others wrote on these notes stay, without their source, and private as after its deletion."""
    if not sources:
        return
    now = work.context.now
    for comment, source in comments_on(work, sources):
        if comment.owner_id != account_id:
            if not source.is_deleted:
                hide_comment(comment, now)
            comment.trigger(notes.NoteSourcePurged, now)
    work.require(work.lookups.no_public_comments([source.uuid for source in sources], account_id))


def _erase_account(work: Work[Lookups], account_id: int) -> None:
    """The last step: name and address are free."""
    account = work.find(Account, account_id)
    if account is None or account.state == "gone":
        return
    work.forget(account)
    account.trigger(accounts.AccountErased, work.context.now)
