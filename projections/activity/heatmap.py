"""The heat map: half a year of writing behind today, half a year of plans ahead (contract: planner_platform 7)."""

from __future__ import annotations

from projections.activity.local_times import first_instant
from projections.reading import Query

ZONE = "coalesce((SELECT zone FROM planner.planners WHERE account_id = %(viewer)s), 'UTC')"
"""The zone whose days the caller sees."""

TODAY = f"(now() AT TIME ZONE {ZONE})::date"

HEATMAP = f"""
WITH clock AS MATERIALIZED (SELECT {ZONE} AS zone, {TODAY} AS today),
planned AS (
    SELECT e.event_date AS day, sum(e.difficulty_weight) AS weight
    FROM clock, planner.events e
    WHERE e.owner_id = %(viewer)s AND e.deleted_at IS NULL AND e.event_date BETWEEN clock.today AND clock.today + 182
    GROUP BY 1
),
days AS (
    SELECT each.at::date AS day, clock.today,
           least(4, greatest(written.notes, CASE
               WHEN written.words IS NULL THEN 0 WHEN written.words < 100 THEN 1 ELSE written.words / 100 END)) AS past,
           coalesce(planned.weight, 0) AS future
    FROM clock CROSS JOIN LATERAL generate_series(clock.today - 182, clock.today + 182, interval '1 day') AS each (at)
    CROSS JOIN LATERAL (
        SELECT count(*) AS notes, max(few.words) AS words
        FROM (
            SELECT w.words FROM writing.written_notes w
            WHERE w.owner_id = %(viewer)s AND each.at <= clock.today
              AND w.created_at >= {first_instant("each.at::date::timestamp", "clock.zone")}
              AND w.created_at < (each.at::date + 1)::timestamp AT TIME ZONE clock.zone
              AND (w.created_at AT TIME ZONE clock.zone)::date = each.at::date
            LIMIT 4  -- four notes make a full day whatever their words are, so that the rest is not read
        ) few
    ) written
    LEFT JOIN planned ON planned.day = each.at::date
)
SELECT '{{"today":"' || today || '","start_date":"' || today - 182 || '","end_date":"' || today + 182
    || '","days_before":182,"days_after":182,"cells":[' || string_agg(
        '{{"date":"' || day
        || '","kind":"' || CASE WHEN day < today THEN 'past' WHEN day = today THEN 'today' ELSE 'future' END
        || '","past_value":' || past || ',"future_value":' || future
        || ',"intensity":' || CASE WHEN day <= today THEN past ELSE least(4, future) END
        || ',"is_today":' || CASE WHEN day = today THEN 'true' ELSE 'false' END || '}}', ',' ORDER BY day)
    || '],"max_past_value":' || max(past) || ',"max_future_value":' || max(future) || '}}' AS body
FROM days GROUP BY today"""
"""One row with the heat map of the caller as JSON text."""

_HEATMAP = f"SELECT convert_to(body, 'UTF8') FROM ({HEATMAP}) AS heatmap"


def get_heatmap() -> Query:
    """(the heat map)."""
    return Query(_HEATMAP, {})
