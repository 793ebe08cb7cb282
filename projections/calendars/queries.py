"""Rows -> answers: calendar feeds with what reading them came to, and secret addresses."""

from __future__ import annotations

from projections.reading import Query

CONTENTS = """
LEFT JOIN feeds.sources s ON f.text_digest IS NULL AND s.digest = f.source_digest
LEFT JOIN feeds.texts t ON t.digest = coalesce(f.text_digest, s.text_digest)"""
"""Of a feed f: its source s and the text t that is shown."""

_ZULU = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

FEED_OBJECT = f"""
'{{' || f.item || ',"course_id":' || coalesce(c.id::text, 'null')
|| ',"last_sync":' || coalesce(to_json({_ZULU.format("s.fetched_at")})::text, 'null')
|| ',"last_read":' || coalesce(to_json({_ZULU.format("coalesce(s.fetched_at, t.read_at)")})::text, 'null')
|| ',"next_read":' || coalesce(to_json({_ZULU.format("CASE WHEN NOT s.gone THEN s.next_at END")})::text, 'null')
|| ',"state":"' || CASE
    WHEN f.text_digest IS NULL AND f.source_digest IS NULL THEN 'empty'
    WHEN s.gone THEN 'gone'
    WHEN s.error IS NOT NULL OR t.error IS NOT NULL THEN 'failed'
    WHEN t.id IS NULL THEN 'pending' ELSE 'ok' END
|| '","error":' || to_json(coalesce(s.error, t.error, ''))::text
|| ',"calendar_name":' || to_json(coalesce(t.name, ''))::text
|| ',"event_count":' || coalesce(t.event_count, 0)
|| ',"rejected_count":' || coalesce(t.rejected_count, 0)
|| ',"rejected":' || coalesce(t.rejected::text, '[]')"""
"""The feed object as JSON text, without its closing brace."""

_JOINS = f"{CONTENTS} LEFT JOIN courses.courses c ON c.id = f.course_id AND c.deleted_at IS NULL"

_FEED = f"""
SELECT (SELECT convert_to({FEED_OBJECT} || %(end)s, 'UTF8') FROM calendars.feeds f {_JOINS}
        WHERE f.id = %(feed)s AND f.owner_id = %(viewer)s AND f.deleted_at IS NULL)"""

_SOURCE = """
SELECT (SELECT f.source_url FROM calendars.feeds f WHERE f.id = %(feed)s AND f.owner_id = %(viewer)s AND f.deleted_at IS NULL)"""

_FEEDS = f"""
SELECT convert_to('[' || coalesce(string_agg({FEED_OBJECT} || '}}', ',' ORDER BY f.title, f.id), '') || ']', 'UTF8')
FROM calendars.feeds f {_JOINS}
WHERE f.owner_id = %(viewer)s AND f.deleted_at IS NULL"""

_ADDRESS_OBJECT = f"""
'"id":' || a.id || ',"label":' || to_json(a.label)::text || ',"includes_sessions":' || to_json(a.includes_sessions)::text
|| ',"date_created":' || to_json({_ZULU.format("a.made_at")})::text
|| ',"date_rotated":' || coalesce(to_json({_ZULU.format("a.rotated_at")})::text, 'null')
|| ',"last_used":' || coalesce(to_json({_ZULU.format("a.used_at")})::text, 'null')"""

_ADDRESS = f"""
SELECT (SELECT convert_to('{{' || {_ADDRESS_OBJECT}, 'UTF8') FROM calendars.addresses a
        WHERE a.id = %(address)s AND a.owner_id = %(viewer)s AND a.token_digest IS NOT NULL)"""

_ADDRESSES = f"""
SELECT convert_to('[' || coalesce(string_agg('{{' || {_ADDRESS_OBJECT} || '}}', ',' ORDER BY a.id), '') || ']', 'UTF8')
FROM calendars.addresses a WHERE a.owner_id = %(viewer)s AND a.token_digest IS NOT NULL"""


def get_calendar_feed(feed_id: int) -> Query:
    """(the feed object without its closing brace, or null)."""
    return Query(_FEED, {"feed": feed_id, "end": ""})


def get_restored_calendar_feed(feed_id: int) -> Query:
    """(the whole feed object, or null)."""
    return Query(_FEED, {"feed": feed_id, "end": "}"})


def get_calendar_source(feed_id: int) -> Query:
    """(the address of the feed with the credentials in it, or null when there is no such feed); for reading it, not for showing."""
    return Query(_SOURCE, {"feed": feed_id})


def list_calendar_feeds() -> Query:
    """(array of feed objects by title and id)."""
    return Query(_FEEDS, {})


def get_calendar_address(address_id: int) -> Query:
    """(the address object without its closing brace, or null); the token is not in it."""
    return Query(_ADDRESS, {"address": address_id})


def list_calendar_addresses() -> Query:
    """(array of address objects)."""
    return Query(_ADDRESSES, {})
