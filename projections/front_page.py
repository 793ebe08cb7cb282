"""The front page: courses to look at, public notes, and for somebody who is signed in what lies behind and ahead.

Contract: planner_platform 9. Other people's Inboxes are not shown, and a note is public only when it says so itself.
"""

from __future__ import annotations

from projections.activity.heatmap import HEATMAP, TODAY
from projections.courses.queries import COURSE, COURSE_JOINS, SHOWN_COURSES
from projections.notes.queries import ITEM, JOINS
from projections.planner.queries import COURSE as EVENT_COURSE
from projections.planner.queries import OBJECT_MEMBERS
from projections.reading import Query

CAROUSEL = 6
RECENT = 6
RECOMMENDED = 12
UPCOMING = 8

_FRONT_PAGE = f"""
WITH shown AS MATERIALIZED (
    SELECT co.place, co.is_default, {COURSE} AS body FROM ({SHOWN_COURSES}) co {COURSE_JOINS}
),
carousel AS MATERIALIZED (
    SELECT '[' || coalesce(string_agg(body, ',' ORDER BY place), '') || ']' AS bodies FROM shown
),
public_notes AS MATERIALIZED (
    SELECT {ITEM} AS item, n.place FROM (
        SELECT *, row_number() OVER (ORDER BY last_edit DESC, id DESC) AS place FROM (
            SELECT * FROM notes.notes WHERE is_public AND deleted_at IS NULL ORDER BY last_edit DESC, id DESC LIMIT {RECOMMENDED}
        ) newest
    ) n {JOINS}
)
SELECT convert_to(
    '{{"default_course":' || coalesce((SELECT body FROM shown ORDER BY NOT is_default, place LIMIT 1), 'null')
    || ',"carousel_courses":' || carousel.bodies
    || ',"recent_notes":['
    || coalesce((SELECT string_agg(item, ',' ORDER BY place) FROM public_notes WHERE place <= {RECENT}), '')
    || '],"recommended_notes":[' || coalesce((SELECT string_agg(item, ',' ORDER BY place) FROM public_notes), '')
    || '],"collections":' || carousel.bodies
    || CASE WHEN %(viewer)s::bigint IS NULL THEN '' ELSE
        ',"heatmap":' || (SELECT heatmap.body FROM ({HEATMAP}) heatmap)
        || ',"upcoming_events":[' || coalesce((
            SELECT string_agg('{{' || upcoming.members || '}}', ',' ORDER BY upcoming.event_date, upcoming.title, upcoming.id)
            FROM (
                SELECT {OBJECT_MEMBERS} AS members, e.event_date, e.title, e.id FROM planner.events e {EVENT_COURSE}
                WHERE e.owner_id = %(viewer)s AND e.deleted_at IS NULL AND NOT e.is_completed AND e.event_date >= {TODAY}
                ORDER BY e.event_date, e.title, e.id LIMIT {UPCOMING}
            ) upcoming
        ), '') || ']' END
    || '}}', 'UTF8')
FROM carousel"""


def get_front_page() -> Query:
    """(the front page as the caller sees it)."""
    return Query(_FRONT_PAGE, {"most": CAROUSEL})
