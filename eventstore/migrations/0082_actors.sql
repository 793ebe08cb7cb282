-- Who wrote an event, and whether to take something back, as columns: keeping two indexes over what is read out of the metadata cost
-- more than all the rest of an append. The table is rewritten once.

ALTER TABLE log.events
    ADD COLUMN actor bigint GENERATED ALWAYS AS (log.actor(metadata)) STORED,
    ADD COLUMN undoes boolean NOT NULL GENERATED ALWAYS AS (position('"undoes":'::bytea IN metadata) > 0) STORED;
-- A generated column would be worked out anew for each event, a whole command's have the same.
ALTER TABLE log.events ALTER COLUMN actor DROP EXPRESSION, ALTER COLUMN undoes DROP EXPRESSION, ALTER COLUMN undoes SET DEFAULT false;

DROP INDEX log.events_of_actor;
DROP INDEX log.events_undoing;
CREATE INDEX events_of_actor ON log.events (actor, position) WHERE actor IS NOT NULL;
CREATE INDEX events_undoing ON log.events (actor, position) WHERE undoes;

-- Appends events in the given order and returns their positions.
CREATE OR REPLACE FUNCTION log.append(
    inline_projections text, streams text[], versions integer[], types text[], payloads bytea[],
    shared_metadata bytea, times timestamptz[]
) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    writer  bigint  := log.actor(shared_metadata);
    undoing boolean := position('"undoes":'::bytea IN shared_metadata) > 0;
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
