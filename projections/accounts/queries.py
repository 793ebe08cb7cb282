"""Rows -> answers: auth payload, settings, sessions, linked identities."""

from __future__ import annotations

from projections.callers import LIVE, SEEN_AT, live
from projections.reading import Query

_AUTH_PAYLOAD = f"""
SELECT convert_to(a.user_json, 'UTF8'), s.id, s.device_label, s.started_at, {SEEN_AT} AS seen_at,
       (SELECT count(*) FROM sessions.sessions o WHERE o.account_id = a.id AND o.id <> s.id AND {live("o")})
FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id WHERE s.id = %(session)s"""

_PROBE = f"""
SELECT found.* FROM (SELECT true) always LEFT JOIN LATERAL (
    SELECT convert_to(a.user_json, 'UTF8') AS user_json, s.id, s.device_label, s.started_at, {SEEN_AT} AS seen_at,
           (SELECT count(*) FROM sessions.sessions o WHERE o.account_id = a.id AND o.id <> s.id AND {live("o")}) AS others
    FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id
    WHERE s.key_digest = %(digest)s AND {LIVE} AND a.is_active
) found ON true"""

_SESSIONS = f"""
SELECT coalesce(json_agg(json_build_object(
    'id', s.id, 'device_label', s.device_label, 'user_agent', s.user_agent, 'ip_hash_prefix', left(s.network_digest, 8),
    'created_at', to_char(s.started_at AT TIME ZONE 'UTC', '{{TIME}}'), 'last_seen_at', to_char(seen.at AT TIME ZONE 'UTC', '{{TIME}}')
) ORDER BY seen.at DESC, s.id DESC), '[]')::text
FROM sessions.sessions s JOIN accounts.accounts a ON a.id = s.account_id CROSS JOIN LATERAL (SELECT {SEEN_AT} AS at) seen
WHERE s.account_id = %(viewer)s AND {LIVE}""".replace("{TIME}", 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')

_SETTINGS = """
SELECT convert_to(a.settings_json, 'UTF8'), (SELECT u.used_at FROM log.api_key_uses u WHERE u.account_id = a.id)
FROM accounts.accounts a WHERE a.id = %(viewer)s"""


def get_auth_payload(session_id: int) -> Query:
    """(user JSON, session id, device label, started, seen, number of other live sessions)."""
    return Query(_AUTH_PAYLOAD, {"session": session_id})


def probe_session(key_digest: str) -> Query:
    """The same for the live session with this key; all null when there is none."""
    return Query(_PROBE, {"digest": key_digest})


def list_sessions() -> Query:
    """(JSON list of the caller's live sessions, the most recently seen first)."""
    return Query(_SESSIONS, {})


def get_settings() -> Query:
    """(settings JSON, when the API key was last used)."""
    return Query(_SETTINGS, {})


_LINK = """'id', id, 'provider', provider, 'provider_uid', provider_uid, 'email', email"""
_SOCIAL_ACCOUNTS = f"""
SELECT convert_to(coalesce(json_agg(json_build_object({_LINK},
    'created_at', to_char(linked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ORDER BY id), '[]')::text, 'UTF8')
FROM accounts.social_links WHERE account_id = %(viewer)s"""
_SOCIAL_ACCOUNT = f"""
SELECT convert_to(json_build_object({_LINK})::text, 'UTF8')
FROM accounts.social_links WHERE account_id = %(viewer)s AND provider = %(provider)s"""


def list_social_accounts() -> Query:
    """(JSON list of the caller's linked identities)."""
    return Query(_SOCIAL_ACCOUNTS, {})


def get_social_account(provider: str) -> Query:
    """(JSON of the caller's link of a provider); for the answer to a command that has just made it."""
    return Query(_SOCIAL_ACCOUNT, {"provider": provider})
