"""Rows -> answers: the account that an assistant acts for."""

from __future__ import annotations

from projections.accounts.projector import SKILL
from projections.reading import Query

MAY_SHARE = "assistants_may_share"
"""The app setting by which an account lets assistants publish notes."""

_ACCOUNT = f"""
SELECT about.* FROM (SELECT true) AS always
LEFT JOIN LATERAL (
    SELECT a.api_key_prefix, coalesce((SELECT zone FROM planner.planners p WHERE p.account_id = a.id), 'UTC') AS zone,
           a.app_settings::jsonb -> '{MAY_SHARE}' = 'true'::jsonb AS may_share,
           a.app_settings::jsonb ->> '{SKILL}' AS skill
    FROM accounts.accounts a WHERE a.id = %(viewer)s
) about ON true"""


def get_assistants_account() -> Query:
    """(prefix of the API key, time zone, whether assistants may share or null, what the account tells assistants or null)."""
    return Query(_ACCOUNT, {})
