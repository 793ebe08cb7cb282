"""Rows -> answers: the account that an assistant acts for."""

from __future__ import annotations

from projections.accounts.projector import SKILL
from projections.reading import Query

_ACCOUNT = f"""
SELECT about.* FROM (SELECT true) AS always
LEFT JOIN LATERAL (
    SELECT a.api_key_prefix, coalesce((SELECT zone FROM planner.planners p WHERE p.account_id = a.id), 'UTC') AS zone,
           a.app_settings::jsonb -> %(sharing)s::text = 'true'::jsonb AS may_share,
           a.app_settings::jsonb ->> '{SKILL}' AS skill
    FROM accounts.accounts a WHERE a.id = %(viewer)s
) about ON true"""


def get_assistants_account(sharing: str) -> Query:
    """(prefix of the API key, time zone, whether assistants may share or null, what the account tells assistants or null).

    sharing: the app setting by which an account lets them publish notes.
    """
    return Query(_ACCOUNT, {"sharing": sharing})
