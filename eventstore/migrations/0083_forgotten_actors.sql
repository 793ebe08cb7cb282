-- Metadata of forgotten events is written anew by the database, with a blank behind each colon: who acted is still told by it.
CREATE OR REPLACE FUNCTION log.actor(metadata bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substring(encode(metadata, 'escape') FROM '^\{"actor": ?([0-9]{1,18})[,}]')::bigint
$$;

-- Those that were forgotten before the column was made.
UPDATE log.events SET actor = log.actor(metadata) WHERE data = '' AND actor IS DISTINCT FROM log.actor(metadata);
