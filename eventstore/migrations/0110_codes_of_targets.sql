-- No code is for more than its target any more: an address that was registered with several passwords keeps none of them, whatever
-- code opens it.
ALTER TABLE log.codes DROP COLUMN subject;
