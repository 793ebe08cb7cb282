-- Answers that are kept show courses and authors as well, which are forgotten with their account.
CREATE OR REPLACE FUNCTION log.shown_in(answer bytea) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Some answers are sealed, and then no text.
    SELECT coalesce(array_agg(DISTINCT member[1]), '{}')
    FROM regexp_matches(
        encode(answer, 'escape'),
        '"uuid":"[0-9a-f-]{36}"|"(?:note|course)_id":[0-9]+|"id":[0-9]+,"(?:client_course_id|username)"', 'g') AS member
$$;
REINDEX INDEX log.idempotency_shown;
