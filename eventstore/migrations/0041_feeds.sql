-- What calendar feeds hold. Not history but copies of the outside world: kept by reactors/feeds, shared by all accounts that
-- read the same address or pasted the same text, and made again from there or from the log when it is lost.

CREATE SCHEMA feeds;

-- One calendar text, and what reading it came to.
CREATE TABLE feeds.texts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest          bytea NOT NULL UNIQUE,           -- SHA-256 of the text
    packed          bytea NOT NULL,                  -- the text, compressed by zlib
    reader          integer NOT NULL,                -- version of the reader that read it
    read_at         timestamptz NOT NULL DEFAULT now(),
    error           text,                            -- why it could not be read at all
    name            text NOT NULL DEFAULT '',
    event_count     integer NOT NULL DEFAULT 0,
    rejected_count  integer NOT NULL DEFAULT 0,
    rejected        json NOT NULL DEFAULT '[]',
    refresh_seconds integer,
    first_year      integer,                         -- from here on something repeats; null: nothing does
    last_year       integer                          -- until here; null: without end
);

-- Years for which the repeating events of a text have been computed.
CREATE TABLE feeds.years (
    text_id bigint NOT NULL REFERENCES feeds.texts ON DELETE CASCADE,
    year    integer NOT NULL,
    PRIMARY KEY (text_id, year)
);

CREATE TABLE feeds.entries (
    text_id   bigint NOT NULL REFERENCES feeds.texts ON DELETE CASCADE,
    starts_at timestamptz NOT NULL,                  -- floating entries: their wall-clock time as if it were UTC
    ends_at   timestamptz NOT NULL,
    year      integer,                               -- see feeds.years; null for what does not repeat
    floating  boolean NOT NULL,
    identity  text COLLATE "C" NOT NULL,
    title     text,                                  -- JSON; null: the feed's title
    item      text NOT NULL                          -- further members of the entry object as JSON
);
CREATE INDEX entries_by_start ON feeds.entries (text_id, starts_at);

-- One address from which calendars are fetched.
CREATE TABLE feeds.sources (
    digest        bytea PRIMARY KEY,                 -- SHA-256 of the address as the feeds name it
    url           text NOT NULL,                     -- where it is now (permanent redirects are followed for good)
    text_digest   bytea,                             -- the last good copy
    body_digest   bytea,                             -- of the last good answer, which may have been empty
    etag          text,
    last_modified text,
    fetched_at    timestamptz,                       -- last good answer
    tried_at      timestamptz,
    next_at       timestamptz NOT NULL DEFAULT now(),
    failures      integer NOT NULL DEFAULT 0,        -- in a row
    empty_answers integer NOT NULL DEFAULT 0,        -- good answers without events in a row, while the last copy had some
    error         text,
    gone          boolean NOT NULL DEFAULT false     -- the address said that it will not come back
);
CREATE INDEX sources_due ON feeds.sources (next_at) WHERE NOT gone;
