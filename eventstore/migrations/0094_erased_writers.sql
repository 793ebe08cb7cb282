-- An account that is being erased writes no more, also not by what was under way when that began.
CREATE INDEX events_erasures ON log.events (stream) WHERE type = 'AccountErasureRequested';

CREATE OR REPLACE FUNCTION log.append(
    inline_projections text, streams text[], versions integer[], types text[], payloads bytea[],
    shared_metadata bytea, times timestamptz[], writer bigint, undoing boolean
) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    -- The transaction id must be older than every position that this transaction takes: readers
    -- decide by it whether a missing position can still appear (see eventstore/reader.py).
    PERFORM pg_current_xact_id();
    PERFORM log.guard(inline_projections);
    -- Under the lock that log.guard takes: an erasure waits for whoever could not see it here yet, see log.writers.
    IF EXISTS (SELECT FROM log.events WHERE stream = 'account-' || writer AND type = 'AccountErasureRequested') THEN
        RAISE EXCEPTION 'the account % is being erased', writer USING ERRCODE = 'NC005';
    END IF;
    RETURN QUERY
        INSERT INTO log.events (stream, version, type, data, metadata, recorded_at, actor, undoes)
        SELECT e.stream, e.version, e.type, e.payload, shared_metadata, coalesce(e.recorded_at, now()), writer, undoing
        FROM unnest(streams, versions, types, payloads, times)
             WITH ORDINALITY AS e (stream, version, type, payload, recorded_at, nth)
        ORDER BY e.nth
        RETURNING events.position;
END $$;

CREATE OR REPLACE FUNCTION log.append_one(
    inline_projections text, of_stream text, of_version integer, of_type text, payload bytea,
    its_metadata bytea, at timestamptz, writer bigint, undoing boolean
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    appended bigint;
    built_with text;
    erasing boolean;
BEGIN
    -- As in log.append. What log.guard looks up is looked up along with the event, under the lock that log.guard takes.
    PERFORM pg_current_xact_id();
    PERFORM pg_advisory_xact_lock_shared(7266100);
    INSERT INTO log.events (stream, version, type, data, metadata, recorded_at, actor, undoes)
    VALUES (of_stream, of_version, of_type, payload, its_metadata, coalesce(at, now()), writer, undoing)
    RETURNING events.position,
              (SELECT value FROM log.facts WHERE name = 'inline_projections' AND inline_projections IS NOT NULL),
              EXISTS (SELECT FROM log.events AS e WHERE e.stream = 'account-' || writer AND e.type = 'AccountErasureRequested')
    INTO appended, built_with, erasing;
    IF built_with IS DISTINCT FROM inline_projections THEN
        PERFORM log.guard(inline_projections);
    END IF;
    IF erasing THEN
        RAISE EXCEPTION 'the account % is being erased', writer USING ERRCODE = 'NC005';
    END IF;
    RETURN appended;
END $$;

-- The transactions that append at this moment. After an erasure was asked for, only these may still write for the account.
CREATE FUNCTION log.writers() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid, objid, objsubid) = (0, 7266100, 1) AND granted
$$;
