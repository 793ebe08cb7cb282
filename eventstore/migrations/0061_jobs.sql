-- Long work that staff ask for in the console: done by the background process, watched by whoever asks.
CREATE TABLE log.jobs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The event that asked for it tells who and why.
    operation   text COLLATE "C" NOT NULL,
    action      text COLLATE "C" NOT NULL CHECK (action IN ('rebuild', 'verify', 'retry')),
    target      text COLLATE "C" NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    -- Set anew while it runs; long ago: the process that did it is gone.
    seen_at     timestamptz,
    finished_at timestamptz,
    phase       text NOT NULL DEFAULT 'waiting',
    done        bigint NOT NULL DEFAULT 0,
    total       bigint NOT NULL DEFAULT 0,
    rate        double precision NOT NULL DEFAULT 0,
    outcome     text NOT NULL DEFAULT '',
    failed      boolean NOT NULL DEFAULT false
);
CREATE INDEX jobs_open ON log.jobs (id) WHERE finished_at IS NULL;

CREATE SEQUENCE log.operation_ids;
