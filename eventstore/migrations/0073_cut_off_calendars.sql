-- Whether a calendar ends without END:VCALENDAR: an answer that was cut off does not replace one that was not.
ALTER TABLE feeds.texts ADD COLUMN cut_off boolean NOT NULL DEFAULT false;
