"""Finding the caller of a request: the part of every read that turns a session key or API key into an account."""

CALLER_COLUMNS = 7

IDLE_LIMIT = "interval '1 day'"
ABSOLUTE_LIMIT = "interval '3 days'"

LIVE = f"s.revoked_at IS NULL AND s.seen_at > now() - {IDLE_LIMIT} AND s.started_at > now() - {ABSOLUTE_LIMIT}"
"""Whether session s may still be used: not revoked, used within a day, started within three days."""

BY_SESSION = f"""
SELECT a.id AS account_id, s.id AS session_id, a.username, a.is_active, a.is_staff, a.is_superuser, s.seen_at
FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id
WHERE s.key_digest = %(digest)s AND {LIVE}"""

BY_API_KEY = """
SELECT a.id AS account_id, NULL::bigint AS session_id, a.username, a.is_active, a.is_staff, a.is_superuser,
       NULL::timestamptz AS seen_at
FROM accounts.accounts a WHERE a.api_key_digest = %(digest)s"""
