-- Ids of planner events, calendar feeds, secret calendar addresses and note sessions.

CREATE SEQUENCE log.planner_event_ids;
CREATE SEQUENCE log.calendar_feed_ids;
CREATE SEQUENCE log.calendar_address_ids;
CREATE SEQUENCE log.note_session_ids;
