-- What a kept answer shows is indexed, so that forgetting finds the answers concerned instead of reading all that are kept.
CREATE FUNCTION log.shown_in(answer bytea) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Some answers are sealed, and then no text.
    SELECT coalesce(array_agg(DISTINCT member[1]), '{}')
    FROM regexp_matches(encode(answer, 'escape'), '"uuid":"[0-9a-f-]{36}"|"note_id":[0-9]+', 'g') AS member
$$;
CREATE INDEX idempotency_shown ON log.idempotency USING gin (log.shown_in(answer));
CREATE OR REPLACE FUNCTION log.forget(streams text[], firsts integer[], lasts integer[], shown text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    overwritten bigint;
    commands    text[];
BEGIN
    -- A snapshot that is just being stored is either seen here and deleted, or comes later and sees what was forgotten.
    PERFORM pg_advisory_xact_lock_shared(7266103, bucket)
    FROM (SELECT DISTINCT (abs(hashtext(stream)::bigint) % 64)::int AS bucket FROM unnest(streams) AS stream ORDER BY 1) AS buckets;
    WITH gone AS (
        UPDATE log.events AS e
        SET data = '',
            metadata = convert_to((convert_from(e.metadata, 'UTF8')::jsonb - '{client,reason}'::text[])::text, 'UTF8')
        FROM unnest(streams, firsts, lasts) AS t (stream, first, last)
        WHERE e.stream = t.stream AND e.version >= t.first AND (t.last IS NULL OR e.version <= t.last) AND e.data <> ''
        RETURNING convert_from(e.metadata, 'UTF8')::jsonb ->> 'command' AS command
    )
    SELECT count(*), array_agg(DISTINCT command) INTO overwritten, commands FROM gone;
    DELETE FROM log.snapshots WHERE stream = ANY (streams);
    UPDATE log.idempotency
    SET status = 410, answer = convert_to('{"detail": "What this request made was deleted for good."}', 'UTF8')
    WHERE command = ANY (commands);
    IF cardinality(shown) > 0 THEN
        UPDATE log.idempotency
        SET status = 410, answer = convert_to('{"detail": "What this request did holds, but its answer showed what was deleted for good."}', 'UTF8')
        WHERE log.shown_in(answer) && shown;
    END IF;
    UPDATE log.parked_streams SET error = 'forgotten' WHERE stream = ANY (streams);
    RETURN overwritten;
END $$;
