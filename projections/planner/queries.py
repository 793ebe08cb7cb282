"""Rows -> answers: planner events, their trail, the account's zone. Finished JSON in UTF-8."""

from __future__ import annotations

from projections.reading import Query

COURSE = "LEFT JOIN courses.courses c ON c.id = e.course_id AND c.deleted_at IS NULL"
"""The course of a plan e, unless it was deleted."""

OBJECT_MEMBERS = """e.item || ',"course_id":' || coalesce(c.id::text, 'null')"""
"""Members of an event object."""

LONGEST_LIST = 10_000
"""Events in an unlimited list at most, so that one account cannot fill the memory of a server."""

_EVENT = f"""
SELECT (SELECT convert_to('{{' || {OBJECT_MEMBERS} || '}}', 'UTF8') FROM planner.events e {COURSE}
        WHERE e.id = %(event)s AND e.owner_id = %(viewer)s AND (e.deleted_at IS NULL OR %(in_bin)s))"""

_EVENTS = f"""
SELECT convert_to('[' || coalesce(string_agg(page.body, ',' ORDER BY page.event_date, page.title, page.id), '') || ']', 'UTF8')
FROM (
    SELECT '{{' || {OBJECT_MEMBERS} || '}}' AS body, e.event_date, e.title, e.id FROM planner.events e {COURSE}
    WHERE e.owner_id = %(viewer)s AND e.deleted_at IS NULL AND __COMPLETED__
    ORDER BY e.event_date, e.title, e.id LIMIT %(limit)s
) page"""
_OPEN_EVENTS = _EVENTS.replace("__COMPLETED__", "NOT e.is_completed")
_ALL_EVENTS = _EVENTS.replace("__COMPLETED__", "true")

_TRAIL = """
SELECT e.id IS NOT NULL, convert_to(coalesce(json_agg(json_build_object(
           'step', t.step, 'at', t.at, 'from_date', t.from_date, 'to_date', t.to_date,
           'slipped_days', CASE WHEN t.step = 'moved' THEN t.to_date - t.from_date ELSE 0 END
       ) ORDER BY t.version, t.step DESC) FILTER (WHERE t.step IS NOT NULL), '[]')::text, 'UTF8')
FROM (SELECT 1) AS always
LEFT JOIN planner.events e ON e.id = %(event)s AND e.owner_id = %(viewer)s AND e.deleted_at IS NULL
LEFT JOIN planner.trail t ON t.event_id = e.id
GROUP BY e.id"""

_ZONE = """
SELECT convert_to(json_build_object('time_zone', (SELECT zone FROM planner.planners WHERE account_id = %(viewer)s))::text, 'UTF8')"""


def get_planner_event(event_id: int, *, in_bin: bool = False) -> Query:
    """(the event object or null); in_bin finds deleted ones as well."""
    return Query(_EVENT, {"event": event_id, "in_bin": in_bin})


def list_planner_events(*, include_completed: bool = False, limit: int | None = None) -> Query:
    """(array of event objects by day, title and id)."""
    return Query(_ALL_EVENTS if include_completed else _OPEN_EVENTS, {"limit": limit or LONGEST_LIST})


def get_planner_trail(event_id: int) -> Query:
    """(whether there is such an event, array of its steps: when it was made, moved, completed, reopened)."""
    return Query(_TRAIL, {"event": event_id})


def get_time_zone() -> Query:
    """({time_zone})."""
    return Query(_ZONE, {})
