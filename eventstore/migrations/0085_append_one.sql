-- Appends one event and returns its position: most commands append no more, and taking arrays apart cost a third of that.
CREATE FUNCTION log.append_one(
    inline_projections text, of_stream text, of_version integer, of_type text, payload bytea, its_metadata bytea, at timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    appended bigint;
BEGIN
    -- As in log.append.
    PERFORM pg_current_xact_id();
    PERFORM log.guard(inline_projections);
    INSERT INTO log.events (stream, version, type, data, metadata, recorded_at, actor, undoes)
    VALUES (of_stream, of_version, of_type, payload, its_metadata, coalesce(at, now()),
            log.actor(its_metadata), position('"undoes":'::bytea IN its_metadata) > 0)
    RETURNING events.position INTO appended;
    RETURN appended;
END $$;
