-- ETag and Last-Modified hold for the address that gave them, which redirects may have led to; they are sent to no other.
-- Of older rows nobody knows it: their next answer comes in full once.
ALTER TABLE feeds.sources ADD COLUMN validators_of text;
