"""Invitation codes: made by staff, used up by registrations (contract: accounts 6.4)."""

from __future__ import annotations

from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time
from typing import Protocol

from commands.aggregate import Aggregate, evolves
from commands.errors import Invalid
from commands.handling import Work
from eventstore.events import invitations


class InvitationLookups(Protocol):
    """What decisions about invitations ask of the read models."""

    def next_id(self, kind: str) -> int:
        """A new id."""

    def invitation_needed(self) -> bool:
        """Whether there is any code at all: from the first one on, nobody registers without."""

    def invitation_of(self, code_digest: str) -> int | None:
        """The invitation with this code."""

    def usable_invitation(self, code_digest: str) -> bool:
        """Whether one may register with this code now."""


def end_of_day(text: str) -> datetime:
    """Until when an invitation is good that names its last day, such as 2031-05-06: that day as well, UTC. Raises ValueError."""
    return datetime.combine(date.fromisoformat(text), time.max, UTC)


class Invitation(Aggregate):
    """One code that some people may register with."""

    kind = "invitation"

    max_uses: int
    expires_at: datetime | None
    times_used: int = 0

    @evolves(invitations.InvitationCreated)
    def _created(self, event: invitations.InvitationCreated) -> None:
        self.max_uses = event.max_uses
        self.expires_at = datetime.fromisoformat(event.expires_at) if event.expires_at else None

    @evolves(invitations.InvitationUsed)
    def _used(self, event: invitations.InvitationUsed) -> None:
        self.times_used += 1

    def usable(self, now: datetime) -> bool:
        """Whether one more may register with it."""
        return self.times_used < self.max_uses and (self.expires_at is None or now <= self.expires_at)


def create_invitation(work: Work[InvitationLookups], code_digest: str, *, label: str, max_uses: int, expires_at: datetime | None) -> int:
    """Makes a code; returns the invitation's id. Raises Invalid when the code is there already, for a time beyond all calendars, and for
    one that is over: it would be good for nobody, and from the first one on, nobody registers without.
    """
    if expires_at is not None and not MINYEAR < expires_at.year < MAXYEAR:
        raise Invalid({"expires_at": ["There is no such time."]})
    if expires_at is not None and expires_at <= work.context.now:
        raise Invalid({"expires_at": ["This time is over already."]})
    if work.lookups.invitation_of(code_digest) is not None:
        raise Invalid({"code": ["There is an invitation with this code already."]})
    invitation = work.new(Invitation, work.lookups.next_id("invitation"))
    invitation.trigger(
        invitations.InvitationCreated,
        work.context.now,
        code_digest=code_digest,
        label=label,
        max_uses=max_uses,
        expires_at=expires_at.astimezone(UTC).isoformat() if expires_at else None,
    )
    return invitation.number


def admitting_invitation(work: Work[InvitationLookups], code_digest: str | None) -> Invitation | None:
    """The invitation that admits a registration; None when none was shown and none is needed.

    code_digest: of the code that was shown, None for none. Raises Invalid on `invitation_code`.
    """
    if code_digest is None:
        if work.lookups.invitation_needed():
            raise Invalid({"invitation_code": [MISSING]})
        return None
    invitation_id = work.lookups.invitation_of(code_digest)
    invitation = work.find(Invitation, invitation_id) if invitation_id is not None else None
    if invitation is None or not invitation.usable(work.context.now):
        raise Invalid({"invitation_code": [REFUSED]})
    return invitation


def use_invitation(work: Work[InvitationLookups], invitation: Invitation, account_id: int) -> None:
    """Counts one use. Two registrations that use the last one at once meet in the stream, and one of them decides again."""
    invitation.trigger(invitations.InvitationUsed, work.context.now, account_id=account_id)


MISSING = "Registration not accepted: Backend.Creators.Auth/register.validate_invitation_code — an invitation code is needed."
REFUSED = "Registration not accepted: Backend.Creators.Auth/register.validate_invitation_code — this code cannot be used."
