-- Ids of the pictures of courses.
CREATE SEQUENCE log.course_media_ids;
