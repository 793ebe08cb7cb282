-- What a code was mailed for, beside what it is bound to: of a registration, which of those that named the address.
-- Keyed digest; empty for codes that are for nothing further, and for those that were sent before.
ALTER TABLE log.codes ADD COLUMN subject text COLLATE "C" NOT NULL DEFAULT '';
