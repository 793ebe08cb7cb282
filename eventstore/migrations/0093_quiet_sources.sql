-- A calendar's address that answered with Retry-After is not asked by hand either before that time.
ALTER TABLE feeds.sources ADD COLUMN quiet_until timestamptz;
