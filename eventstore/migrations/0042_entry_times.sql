-- Entries carry their times as they are answered, so that a week of thousands of entries is put together without formatting any.

TRUNCATE feeds.texts, feeds.years, feeds.entries;
ALTER TABLE feeds.entries ADD COLUMN times text NOT NULL; -- "starts_at":…,"ends_at":… as JSON members, floating ones as UTC
