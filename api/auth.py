"""Which credentials a request presents, and which callers a route admits (contract: accounts 2)."""

from __future__ import annotations

from typing import Literal

from api.errors import Denied, Unauthenticated
from projections.reading import Caller, Credentials

CallerRule = Literal["ignored", "open", "signed_in", "session_only", "staff"]
"""Who may call a route.

ignored: credentials are not even looked at. open: anybody, but bad credentials are refused.
signed_in: an account by session or API key. session_only: not with an API key. staff: staff members.
"""

NO_CREDENTIALS = Credentials("none")
ANONYMOUS_DETAIL = "Authentication credentials were not provided."
LONGEST_SECRET = 512


def presented(header: str | None) -> Credentials:
    """The credentials in an Authorization header. Anything that is neither form counts as none (accounts 2.1)."""
    if not header:
        return NO_CREDENTIALS
    if header.startswith("Bearer ntc_"):
        return Credentials("api_key", header[7 : 7 + LONGEST_SECRET], "Invalid API key.")
    scheme, _, rest = header.strip().replace("\t", " ").partition(" ")
    secret = rest.strip()
    if scheme.lower() != "token" or not secret:
        return NO_CREDENTIALS
    # Newer apps pick the scheme by the key's look and older ones do not, so an API key is good under both.
    return Credentials("api_key" if secret.startswith("ntc_") else "session", secret[:LONGEST_SECRET])


def admit(rule: CallerRule, caller: Caller) -> None:
    """Lets the caller pass or raises Unauthenticated (401) or Denied (403)."""
    if rule in ("open", "ignored"):
        return
    if caller.account_id is None:
        raise Unauthenticated(ANONYMOUS_DETAIL)
    if rule == "session_only" and caller.kind == "api_key":
        raise Denied("An API key cannot do this. Sign in and use the session instead.")
    if rule == "staff" and not caller.is_staff:
        raise Denied
