"""Trying an invitation code before registering (contract: accounts 6.5)."""

from __future__ import annotations

from commands.accounts.lookups import AccountLookups
from commands.accounts.proofs import WRONG_INVITATIONS_OF_NETWORK, Proofs
from eventstore.guards import network_of


def try_invitation(lookups: AccountLookups, proofs: Proofs, code: str, *, network: str) -> tuple[bool, bool]:
    """(whether a code is needed, whether this one may be used). Uses nothing up; wrong ones count against the network."""
    if not lookups.invitation_needed():
        return False, True
    if not code:
        return True, False
    guard, subject = WRONG_INVITATIONS_OF_NETWORK, network_of(network)
    proofs.admit(guard, subject)
    usable = lookups.usable_invitation(proofs.digest(code))
    if not usable and subject:
        proofs.guards.count(guard.name, subject, guard.window)
    return True, usable
