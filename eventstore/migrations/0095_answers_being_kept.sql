-- An answer that is just being kept is either seen by log.forget, or made after it and does not show what was forgotten.

-- Asked before the answer is read that will be kept for the account.
CREATE FUNCTION log.keeping(account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- As in log.append: what appends nothing keeps its answer all the same.
    PERFORM pg_advisory_xact_lock_shared(7266100);
    IF EXISTS (SELECT FROM log.events WHERE stream = 'account-' || account AND type = 'AccountErasureRequested') THEN
        RAISE EXCEPTION 'the account % is being erased', account USING ERRCODE = 'NC005';
    END IF;
    -- Against log.forget.
    PERFORM pg_advisory_xact_lock_shared(7266107);
END $$;

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
    -- Against log.keeping. The statements below see what was kept before it was granted.
    PERFORM pg_advisory_xact_lock(7266107);
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
