-- What accounts need and no history should keep: codes, mails on their way, counters of guards.

CREATE SEQUENCE log.social_link_ids;

-- One live code per purpose and target; a new one takes the place of the old one.
CREATE TABLE log.codes (
    purpose   text COLLATE "C" NOT NULL,
    -- Keyed digest of what the code is bound to (an address, an account, both): no address stands here in plain.
    target    text COLLATE "C" NOT NULL,
    id        text COLLATE "C" NOT NULL,
    digest    text COLLATE "C" NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    wrong     integer NOT NULL DEFAULT 0,
    PRIMARY KEY (purpose, target)
);
CREATE INDEX codes_expires_at ON log.codes (expires_at);

-- Mails to be sent. The content is encrypted under the server's secret, and the row goes once delivery was confirmed.
CREATE TABLE log.mails (
    id         bigint PRIMARY KEY DEFAULT nextval('log.mail_ids'),
    account_id bigint NOT NULL,
    content    bytea NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mails_due_at ON log.mails (due_at);

-- How often something was tried in the running window, for all workers together.
CREATE TABLE log.guards (
    name    text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    tries   integer NOT NULL,
    ends_at timestamptz NOT NULL,
    PRIMARY KEY (name, subject)
);
CREATE INDEX guards_ends_at ON log.guards (ends_at);

-- When each API key was last noted as used.
CREATE TABLE log.api_key_uses (
    account_id bigint PRIMARY KEY,
    used_at    timestamptz NOT NULL
);
