-- Answers that are kept for an Idempotency-Key may show what belongs to other streams: that of a course shows its latest notes.
-- `shown` holds the members of JSON objects by which such answers tell what is forgotten: "uuid":"..." or "note_id":27.
DROP FUNCTION log.forget(text[], integer[], integer[]);
CREATE FUNCTION log.forget(streams text[], firsts integer[], lasts integer[], shown text[]) RETURNS bigint LANGUAGE plpgsql AS $$
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
        -- Some answers are sealed, and then no text.
        UPDATE log.idempotency
        SET status = 410, answer = convert_to('{"detail": "What this request did holds, but its answer showed what was deleted for good."}', 'UTF8')
        WHERE EXISTS (
            SELECT FROM regexp_matches(encode(answer, 'escape'), '"uuid":"[0-9a-f-]{36}"|"note_id":[0-9]+', 'g') AS member
            WHERE member[1] = ANY (shown));
    END IF;
    UPDATE log.parked_streams SET error = 'forgotten' WHERE stream = ANY (streams);
    RETURN overwritten;
END $$;
