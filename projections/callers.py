"""Finding the caller of a request: the part of every read that turns a session key or API key into an account."""

CALLER_COLUMNS = 7

IDLE_LIMIT = "interval '1 day'"
ABSOLUTE_LIMIT = "interval '3 days'"


def seen(session: str) -> str:
    """When this session (a table alias) was last noted as used. Releases before wrote that into the log, so the row may know more."""
    return f"greatest({session}.seen_at, (SELECT u.used_at FROM log.session_uses u WHERE u.session_id = {session}.id))"


def live(session: str, seen_at: str = "") -> str:
    """Whether this session (a table alias) of account `a` may still be used: not revoked, alone or with all others, used within
    a day, started within three days. seen_at: when it was last noted as used, where that is at hand.
    """
    return (
        f"{session}.revoked_at IS NULL AND {session}.epoch = a.epoch"
        f" AND {session}.started_at > now() - {ABSOLUTE_LIMIT} AND {seen_at or seen(session)} > now() - {IDLE_LIMIT}"
    )


LIVE = live("s")
SEEN_AT = seen("s")

_SEEN_AT = "greatest(s.seen_at, u.used_at)"
BY_SESSION = f"""
SELECT a.id AS account_id, s.id AS session_id, a.username, a.is_active, a.is_staff, a.is_superuser, {_SEEN_AT} AS seen_at
FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id LEFT JOIN log.session_uses u ON u.session_id = s.id
WHERE s.key_digest = %(digest)s AND ({live("s", _SEEN_AT)} OR a.is_disabled AND s.revoked_at IS NULL)"""

BY_API_KEY = """
SELECT a.id AS account_id, NULL::bigint AS session_id, a.username, a.is_active, a.is_staff, a.is_superuser,
       (SELECT u.used_at FROM log.api_key_uses u WHERE u.account_id = a.id) AS seen_at
FROM accounts.accounts a WHERE a.api_key_digest = %(digest)s"""
