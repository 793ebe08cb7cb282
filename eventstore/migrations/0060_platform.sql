-- What callers have used of their request limits, shared by all workers. Worth nothing after a crash, so it is not logged.
CREATE UNLOGGED TABLE log.allowances (
    subject     text COLLATE "C" PRIMARY KEY,
    -- Until then everything that was asked for is paid; the further away, the less is left.
    spent_until timestamptz NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0.1);
