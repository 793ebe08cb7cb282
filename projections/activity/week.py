"""The week: plans, note sessions and calendar entries by day, and the deadlines (contract: planner_platform 3, 16.2)."""

from __future__ import annotations

from datetime import date

from projections.activity.heatmap import TODAY, ZONE
from projections.activity.local_times import first_instant
from projections.calendars.queries import CONTENTS as FEED_CONTENTS
from projections.note_sessions.queries import JOINS as SESSION_JOINS
from projections.note_sessions.queries import SESSION_OBJECT
from projections.planner.queries import COURSE as EVENT_COURSE
from projections.planner.queries import OBJECT_MEMBERS
from projections.reading import Query

MOST_DEADLINES = 40
MOST_OF_A_CALENDAR = 5_000
MOST_OF_CALENDARS = 20_000
"""Entries in one answer. A file of 10 MB can hold 75,000 events of one day, and an account can have 200 of them."""

_ISO = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"')"""

_FLOATING = first_instant("{0} AT TIME ZONE 'UTC'", "span.zone")

_WEEK = f"""
WITH clock AS MATERIALIZED (
    SELECT {ZONE} AS zone, {TODAY} AS today, now() AS now, coalesce(%(start)s::date, {TODAY}) AS start
),
span AS MATERIALIZED (
    SELECT *, start + %(days)s AS stop,
           -- What begins in a midnight that happens twice lies between these; on which day, its local date says.
           {first_instant("start::timestamp", "zone")} AS starts, (start + %(days)s)::timestamp AT TIME ZONE zone AS ends
    FROM clock
),
entries AS (
    SELECT e.event_date AS day, e.starts_at AS at, 0 AS source, e.id,
           '{{' || {OBJECT_MEMBERS} || ',"kind":"plan","source_id":' || e.id || '}}' AS body
    FROM span, planner.events e {EVENT_COURSE}
    WHERE e.owner_id = %(viewer)s AND e.deleted_at IS NULL AND NOT e.is_completed
      AND e.event_date >= span.start AND e.event_date < span.stop
    UNION ALL
    SELECT local.day, s.started_at, 1, s.id, {SESSION_OBJECT}
    FROM span, note_sessions.sessions s {SESSION_JOINS}
    CROSS JOIN LATERAL (SELECT (s.started_at AT TIME ZONE span.zone)::date AS day) local
    WHERE s.owner_id = %(viewer)s AND s.started_at >= span.starts AND s.started_at < span.ends
      AND local.day >= span.start AND local.day < span.stop
    UNION ALL
    (SELECT calendar.day, calendar.at, 2, calendar.feed_id,
           '{{"title":' || coalesce(calendar.title, calendar.calendar_title) || calendar.about
           || CASE WHEN calendar.floating AND span.zone <> 'UTC'
                   THEN '"starts_at":"' || {_ISO.format("calendar.at")} || '","ends_at":"'
                        || {_ISO.format(f"greatest(calendar.at, {_FLOATING.format('calendar.ends_at')})")} || '"'
                   ELSE calendar.times END
           || ',' || calendar.item || '}}'
    FROM span CROSS JOIN LATERAL (
        SELECT feed.*, inside.*
        FROM (
            SELECT t.id AS text_id, f.id AS feed_id, to_json(f.title)::text AS calendar_title,
                   ',"kind":"calendar","course_id":' || coalesce(c.id::text, 'null') || ',"source_id":' || f.id
                   || ',"calendar_title":' || to_json(f.title)::text || ',' AS about
            FROM calendars.feeds f {FEED_CONTENTS}
            LEFT JOIN courses.courses c ON c.id = f.course_id AND c.deleted_at IS NULL
            WHERE f.owner_id = %(viewer)s AND f.is_enabled AND f.deleted_at IS NULL
        ) feed
        CROSS JOIN LATERAL (
            SELECT shown.at, local.day, x.ends_at, x.floating, x.title, x.times, x.item
            FROM feeds.entries x
            CROSS JOIN LATERAL (
                SELECT CASE WHEN x.floating AND span.zone <> 'UTC' THEN {_FLOATING.format("x.starts_at")} ELSE x.starts_at END AS at
            ) shown
            CROSS JOIN LATERAL (SELECT (shown.at AT TIME ZONE span.zone)::date AS day) local
            WHERE x.text_id = feed.text_id
              -- A floating time that the clocks skip may stand on the next day.
              AND x.starts_at >= least(span.starts, span.start::timestamp AT TIME ZONE 'UTC') - interval '24 hours'
              AND x.starts_at < greatest(span.ends, span.stop::timestamp AT TIME ZONE 'UTC')
              -- The limit counts what is shown only: a crowded day beside the window leaves the others their place.
              AND local.day >= span.start AND local.day < span.stop
            -- Stays a question of its own, so that the window is looked up in the index whatever the planner believes.
            ORDER BY x.starts_at LIMIT {MOST_OF_A_CALENDAR}
        ) inside
    ) calendar LIMIT {MOST_OF_CALENDARS})
),
unprepared AS (
    SELECT DISTINCT t.id, year.number
    FROM span, calendars.feeds f {FEED_CONTENTS}
    CROSS JOIN LATERAL (SELECT DISTINCT unnest(ARRAY[
        extract(year FROM span.start - 1)::int, extract(year FROM span.stop)::int])) AS year (number)
    WHERE f.owner_id = %(viewer)s AND f.is_enabled AND f.deleted_at IS NULL AND t.error IS NULL
      AND t.first_year <= year.number AND (t.last_year IS NULL OR t.last_year >= year.number)
      AND NOT EXISTS (SELECT FROM feeds.years y WHERE y.text_id = t.id AND y.year = year.number)
),
deadlines AS (
    SELECT e.starts_at, e.event_date, e.title, e.id, {OBJECT_MEMBERS} AS members,
           round((e.difficulty_weight / greatest(extract(epoch FROM e.starts_at - span.now) / 3600, 1.0 / 60))::numeric, 4) AS score
    FROM span, planner.events e {EVENT_COURSE}
    WHERE e.owner_id = %(viewer)s AND e.deleted_at IS NULL AND NOT e.is_completed AND e.event_date >= span.today
    ORDER BY e.starts_at, e.event_date, e.title, e.id LIMIT {MOST_DEADLINES}
)
SELECT convert_to(
    '{{"start_date":"' || start || '","previous_week_start":"' || start - 7 || '","next_week_start":"' || start + 7
    || '","days":[' || (
        SELECT string_agg('{{"date":"' || each.at::date || '","events":[' || coalesce(of_day.bodies, '') || ']}}', ',' ORDER BY each.at)
        FROM generate_series(start, stop - 1, interval '1 day') AS each (at)
        LEFT JOIN (
            SELECT entries.day, string_agg(body, ',' ORDER BY entries.at, source, id) AS bodies FROM entries GROUP BY entries.day
        ) of_day ON of_day.day = each.at::date
    ) || '],"deadlines":[' || coalesce((
        SELECT string_agg('{{' || members || ',"urgency_score":' || trim_scale(score) || '}}', ','
                          ORDER BY score DESC, starts_at, title, id)
        FROM deadlines
    ), '') || ']}}', 'UTF8'),
    (SELECT array_agg(DISTINCT id) FROM unprepared), (SELECT array_agg(DISTINCT number) FROM unprepared)
FROM span"""


def get_week(start: date | None, days: int) -> Query:
    """(the week, numbers of calendar texts, years): of those texts the repetitions of those years are not prepared yet.

    No start means today.
    """
    return Query(_WEEK, {"start": start, "days": days})
