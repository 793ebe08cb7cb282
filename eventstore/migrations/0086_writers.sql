-- Who writes is told beside the metadata: to read it out of that again took a quarter of an append.

CREATE FUNCTION log.append(
    inline_projections text, streams text[], versions integer[], types text[], payloads bytea[],
    shared_metadata bytea, times timestamptz[], writer bigint, undoing boolean
) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    -- The transaction id must be older than every position that this transaction takes: readers
    -- decide by it whether a missing position can still appear (see eventstore/reader.py).
    PERFORM pg_current_xact_id();
    PERFORM log.guard(inline_projections);
    RETURN QUERY
        INSERT INTO log.events (stream, version, type, data, metadata, recorded_at, actor, undoes)
        SELECT e.stream, e.version, e.type, e.payload, shared_metadata, coalesce(e.recorded_at, now()), writer, undoing
        FROM unnest(streams, versions, types, payloads, times)
             WITH ORDINALITY AS e (stream, version, type, payload, recorded_at, nth)
        ORDER BY e.nth
        RETURNING events.position;
END $$;

CREATE FUNCTION log.append_one(
    inline_projections text, of_stream text, of_version integer, of_type text, payload bytea,
    its_metadata bytea, at timestamptz, writer bigint, undoing boolean
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    appended bigint;
    built_with text;
BEGIN
    -- As in log.append. What log.guard looks up is looked up along with the event, under the lock that log.guard takes.
    PERFORM pg_current_xact_id();
    PERFORM pg_advisory_xact_lock_shared(7266100);
    INSERT INTO log.events (stream, version, type, data, metadata, recorded_at, actor, undoes)
    VALUES (of_stream, of_version, of_type, payload, its_metadata, coalesce(at, now()), writer, undoing)
    RETURNING events.position,
              (SELECT value FROM log.facts WHERE name = 'inline_projections' AND inline_projections IS NOT NULL)
    INTO appended, built_with;
    IF built_with IS DISTINCT FROM inline_projections THEN
        PERFORM log.guard(inline_projections);
    END IF;
    RETURN appended;
END $$;

-- For releases before this one, and for whoever appends by hand.
CREATE OR REPLACE FUNCTION log.append(
    inline_projections text, streams text[], versions integer[], types text[], payloads bytea[],
    shared_metadata bytea, times timestamptz[]
) RETURNS SETOF bigint LANGUAGE sql AS $$
    SELECT log.append(
        inline_projections, streams, versions, types, payloads, shared_metadata, times,
        log.actor(shared_metadata), position('"undoes":'::bytea IN shared_metadata) > 0)
$$;
CREATE OR REPLACE FUNCTION log.append_one(
    inline_projections text, of_stream text, of_version integer, of_type text, payload bytea, its_metadata bytea, at timestamptz
) RETURNS bigint LANGUAGE sql AS $$
    SELECT log.append_one(
        inline_projections, of_stream, of_version, of_type, payload, its_metadata, at,
        log.actor(its_metadata), position('"undoes":'::bytea IN its_metadata) > 0)
$$;
