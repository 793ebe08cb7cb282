"""Trying invitation codes, before registering and when it is done (contract: accounts 6.5)."""

from __future__ import annotations

from commands.accounts.lookups import AccountLookups
from commands.accounts.proofs import WRONG_INVITATIONS_OF_NETWORK, Proofs
from commands.errors import Invalid
from commands.invitations import REFUSED
from eventstore.guards import network_of


def try_invitation(lookups: AccountLookups, proofs: Proofs, code: str, *, network: str) -> tuple[bool, bool]:
    """(whether a code is needed, whether this one may be used). Uses nothing up; wrong ones count against the network."""
    if not lookups.invitation_needed():
        return False, True
    if not code:
        return True, False
    try:
        shown_invitation(lookups, proofs, code, network=network)
    except Invalid:
        return True, False
    return True, True


def shown_invitation(lookups: AccountLookups, proofs: Proofs, code: str, *, network: str) -> str | None:
    """The digest of the code that somebody shows, None for an empty one. Nobody is admitted on a code that did not come by here.

    Raises Invalid on `invitation_code` for a code that cannot be used, which counts against the network; TooManyTries after many.
    """
    if not code:
        return None
    with proofs.guarded((WRONG_INVITATIONS_OF_NETWORK, network_of(network))):
        digest = proofs.digest(code)
        if not lookups.usable_invitation(digest):
            raise Invalid({"invitation_code": [REFUSED]})
    return digest
