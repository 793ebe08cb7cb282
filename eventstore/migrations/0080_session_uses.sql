-- When each session was last noted as used. Its idle limit goes by this and by its start.
CREATE TABLE log.session_uses (
    session_id bigint PRIMARY KEY,
    account_id bigint NOT NULL,
    used_at    timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX session_uses_account ON log.session_uses (account_id);
