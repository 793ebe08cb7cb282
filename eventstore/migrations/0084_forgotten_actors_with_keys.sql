-- The database also puts short names first: of what was done with an API key, the key's beginning stands before who acted.
CREATE OR REPLACE FUNCTION log.actor(metadata bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT substring(encode(metadata, 'escape') FROM '^\{(?:"key": ?"[^"\\]*", ?)?"actor": ?([0-9]{1,18})[,}]')::bigint
$$;

UPDATE log.events SET actor = log.actor(metadata) WHERE data = '' AND actor IS DISTINCT FROM log.actor(metadata);
