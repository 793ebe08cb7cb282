-- Whether an answer brings what is known already is told by its text, which its charset has a part in, not by its bytes.

ALTER TABLE feeds.sources DROP COLUMN body_digest;
