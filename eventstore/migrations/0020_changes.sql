-- What an account has changed, newest first, and what of it was taken back: both are answered from the log itself.

-- The acting account of an event. Metadata begins with it (see commands/context.py); anything else has none.
CREATE FUNCTION log.actor(metadata bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substring(encode(metadata, 'escape') FROM '^\{"actor":([0-9]{1,18})[,}]')::bigint
$$;

CREATE INDEX events_of_actor ON log.events (log.actor(metadata), position) WHERE log.actor(metadata) IS NOT NULL;

-- Quotes inside texts are escaped, so that no text of a user can look like this member.
CREATE INDEX events_undoing ON log.events (log.actor(metadata), position)
    WHERE log.actor(metadata) IS NOT NULL AND position('"undoes":'::bytea IN metadata) > 0;
