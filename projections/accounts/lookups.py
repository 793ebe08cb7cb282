"""Answers to what decisions about accounts, sessions and invitations ask."""

from __future__ import annotations

from datetime import datetime

from eventstore.addresses import spellings
from projections.answers import SqlAnswers
from projections.callers import LIVE

_BY_IDENTIFIER = """
SELECT id, password_hash, is_active FROM accounts.accounts
WHERE lower(email) = ANY(%(spellings)s) AND email <> '' OR lower(username) = lower(%(identifier)s)
ORDER BY lower(email) = ANY(%(spellings)s) DESC, id LIMIT 1"""
_PENDING = """
SELECT id, username, password_hash FROM accounts.accounts
WHERE lower(email) = ANY(%(spellings)s) AND email <> '' AND NOT is_verified AND NOT is_disabled"""
_LIVE_SESSIONS = f"""
SELECT s.id FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id
WHERE s.account_id = %(account)s AND {LIVE}"""

_SOME_LIVE_SESSIONS = f"""
SELECT s.id FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id WHERE {LIVE} LIMIT %(limit)s"""
# Ids are given out in order: what is not among the smallest is not among the oldest, or is soon.
_OLDEST_SESSIONS = """
SELECT id FROM (SELECT id, started_at FROM sessions.sessions ORDER BY id LIMIT %(limit)s) oldest WHERE started_at < %(before)s"""
_USABLE_INVITATION = """
SELECT 1 FROM invitations.invitations
WHERE code_digest = %(digest)s AND times_used < max_uses AND (expires_at IS NULL OR now() <= expires_at)"""

# Files before the notes that hold them, courses last: what others filed in one is handed back when it goes.
_OWNED = """
SELECT kind, ids FROM (
    SELECT 1 AS turn, 'attachment' AS kind, ARRAY[id] AS ids FROM attachments.attachments WHERE owner_id = %(account)s
    UNION ALL SELECT 2, 'note', ARRAY[id] FROM notes.notes WHERE owner_id = %(account)s
    UNION ALL SELECT 2, 'note', ARRAY[w.note_id] FROM writing.written_notes w
        WHERE w.owner_id = %(account)s AND NOT EXISTS (SELECT FROM notes.notes n WHERE n.id = w.note_id)
    UNION ALL SELECT 3, 'note-session', ARRAY[id] FROM note_sessions.sessions WHERE owner_id = %(account)s
    UNION ALL SELECT 3, 'planner-event', ARRAY[id] FROM planner.events WHERE owner_id = %(account)s
    UNION ALL SELECT 3, 'calendar-feed', ARRAY[id] FROM calendars.feeds WHERE owner_id = %(account)s
    UNION ALL SELECT 3, 'calendar-address', ARRAY[id] FROM calendars.addresses WHERE owner_id = %(account)s
    UNION ALL SELECT 3, 'planner', ARRAY[account_id] FROM planner.planners WHERE account_id = %(account)s
    UNION ALL SELECT 3, 'subscription', ARRAY[account_id, course_id] FROM subscriptions.subscriptions WHERE account_id = %(account)s
    UNION ALL SELECT 3, 'session', ARRAY[id] FROM sessions.sessions WHERE account_id = %(account)s
    UNION ALL SELECT 3, 'session', ARRAY[id] FROM sessions.retired WHERE account_id = %(account)s
    UNION ALL SELECT 4, 'course', ARRAY[id] FROM courses.courses WHERE owner_id = %(account)s
) owned ORDER BY turn, kind, ids LIMIT %(limit)s"""


class AccountAnswers(SqlAnswers):
    """See commands/accounts/lookups.py for what each answers."""

    def account_of_email(self, email: str) -> int | None:
        """By address, in any spelling."""
        sql = "SELECT id FROM accounts.accounts WHERE lower(email) = ANY(%(spellings)s) AND email <> ''"
        return self.number(sql, spellings=spellings(email))

    def account_of_username(self, username: str) -> int | None:
        """By name, ignoring case."""
        return self.number("SELECT id FROM accounts.accounts WHERE lower(username) = lower(%(username)s)", username=username)

    def account_of_identity(self, provider: str, provider_uid: str) -> int | None:
        """By a linked identity."""
        return self.number(
            "SELECT account_id FROM accounts.social_links WHERE provider = %(provider)s AND provider_uid = %(uid)s",
            provider=provider,
            uid=provider_uid,
        )

    def sign_in_candidate(self, identifier: str) -> tuple[int, str | None, bool] | None:
        """By address first, else by name."""
        row = self.row(_BY_IDENTIFIER, identifier=identifier, spellings=spellings(identifier))
        return (row[0], row[1], row[2]) if row is not None else None

    def pending_holder(self, email: str) -> tuple[int, str, str | None] | None:
        """By address, in any spelling, while the account is pending. One question, so that its time tells nothing of the others."""
        row = self.row(_PENDING, spellings=spellings(email))
        return (row[0], row[1], row[2]) if row is not None else None

    def has_old_passwords(self) -> bool:
        """By the beginning of the hash; there is an index of those that begin like this."""
        row = self.row("SELECT EXISTS (SELECT FROM accounts.accounts WHERE password_hash LIKE 'pbkdf2_sha256$%%')")
        assert row is not None
        return bool(row[0])

    def holder_of_email(self, email: str) -> tuple[int, str] | None:
        """By address, in any spelling."""
        sql = "SELECT id, username FROM accounts.accounts WHERE lower(email) = ANY(%(spellings)s) AND email <> ''"
        row = self.row(sql, spellings=spellings(email))
        return (row[0], row[1]) if row is not None else None

    def holder(self, account_id: int) -> tuple[str, str] | None:
        """By id."""
        row = self.row("SELECT username, email FROM accounts.accounts WHERE id = %(account)s", account=account_id)
        return (row[0], row[1]) if row is not None else None

    def address_of(self, account_id: int) -> str:
        """By id."""
        holder = self.holder(account_id)
        return holder[1] if holder is not None else ""

    def password_of(self, account_id: int) -> str | None:
        """By id."""
        row = self.row("SELECT password_hash FROM accounts.accounts WHERE id = %(account)s", account=account_id)
        return row[0] if row is not None else None

    def usable_invitation(self, code_digest: str) -> bool:
        """By the code's digest, and its uses and end."""
        return self.row(_USABLE_INVITATION, digest=code_digest) is not None

    def live_sessions(self, account_id: int) -> list[int]:
        """Sessions that could still be used."""
        return [session_id for (session_id,) in self.rows(_LIVE_SESSIONS, account=account_id)]

    def oldest_sessions(self, before: datetime, limit: int) -> list[int]:
        """By their start."""
        return [session_id for (session_id,) in self.rows(_OLDEST_SESSIONS, before=before, limit=limit)]

    def some_live_sessions(self, limit: int) -> list[int]:
        """Sessions of anybody that could still be used, at most so many."""
        return [session_id for (session_id,) in self.rows(_SOME_LIVE_SESSIONS, limit=limit)]

    def invitation_needed(self) -> bool:
        """Whether there is any invitation."""
        return self.row("SELECT 1 FROM invitations.invitations LIMIT 1") is not None

    def invitation_of(self, code_digest: str) -> int | None:
        """By the code's digest."""
        return self.number("SELECT id FROM invitations.invitations WHERE code_digest = %(digest)s", digest=code_digest)

    def owned_streams(self, account_id: int, limit: int) -> list[tuple[str, tuple[int, ...]]]:
        """Over the read models of all areas."""
        return [(kind, tuple(ids)) for kind, ids in self.rows(_OWNED, account=account_id, limit=limit)]

    def pending_accounts(self, before: datetime, limit: int) -> list[int]:
        """By the time of their last registration."""
        sql = "SELECT id FROM accounts.accounts WHERE NOT is_verified AND NOT is_disabled AND registered_at < %(before)s LIMIT %(limit)s"
        return [account_id for (account_id,) in self.rows(sql, before=before, limit=limit)]
