"""Subscribed calendars: what is read of them, and that the last good copy outlives whatever their servers do."""

from __future__ import annotations

import base64
import logging
from typing import Any

import httpx
import pytest

from commands.calendars import feeds
from reactors.feeds.schedule import fetch_due, keep_feeds
from reactors.feeds.sources import refresh_source
from reactors.feeds.texts import read_given_texts
from tests.accounts.people import make_person
from tests.calendars.feed_server import (
    CALENDAR,
    EMPTY_CALENDAR,
    FeedServer,
    body,
    conditional,
    hang_up,
    in_chunks,
    redirect,
    status,
    unmeasured,
)
from tests.calendars.subscribing import LOCAL, feed_of, subscribe, titles
from wiring import Services


def test_a_subscription_is_read_once_at_first(client: httpx.Client, server: FeedServer) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    feed = subscribe(client, server.url("/a.ics"))
    assert (feed["import_summary"]["ok"], feed["import_summary"]["count"], feed["state"]) == (True, 1, "ok")
    assert feed["last_sync"] is not None
    assert titles(client) == ["Lecture"]
    asked = server.asked("/a.ics")
    assert (len(asked), asked[0]["user-agent"]) == (1, "Notechondria/0.1 (+calendar-feed)")
    assert asked[0]["accept"] == "text/calendar, */*;q=0.1"


def test_a_pasted_text_counts_before_the_address(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    text = CALENDAR.decode().replace("Lecture", "Pasted")
    feed = client.post("/calendar-feeds/", json={"title": "Both", "source_url": server.url("/a.ics"), "raw_ical": text}).json()
    fetch_due(services.thread_pool, LOCAL)
    assert (titles(client), server.requests) == (["Pasted"], [])
    assert client.patch(f"/calendar-feeds/{feed['id']}/", json={"raw_ical": ""}).status_code == 200
    assert client.post(f"/calendar-feeds/{feed['id']}/refresh/").json()["state"] == "ok"
    assert titles(client) == ["Lecture"]


def test_a_change_that_is_refused_asks_no_address(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    feed = client.post("/calendar-feeds/", json={"title": "Mine"}).json()
    path, change = f"/calendar-feeds/{feed['id']}/", {"source_url": server.url("/a.ics")}
    stranger = make_person(services).headers
    assert client.patch(path, json=change, headers=stranger).status_code == 404
    assert client.patch("/calendar-feeds/987654321/", json=change).status_code == 404
    assert client.patch(path, json={**change, "course_id": 987654321}).status_code == 404
    assert client.patch(path, json=change, headers={"If-Match": '"2020-01-01T00:00:00Z"'}).status_code == 412
    assert server.requests == []
    assert (client.patch(path, json=change).json()["state"], len(server.requests)) == ("ok", 1)


def test_a_calendar_that_is_refused_asks_no_address(client: httpx.Client, server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    form = {"title": "Mine", "source_kind": "S", "source_url": server.url("/a.ics")}
    assert client.post("/calendar-feeds/", json={**form, "course_id": 987654321}).status_code == 404
    monkeypatch.setattr(feeds, "MOST_FEEDS", 0)
    assert client.post("/calendar-feeds/", json=form).status_code == 400
    assert server.requests == []
    monkeypatch.undo()
    assert (client.post("/calendar-feeds/", json=form).json()["state"], len(server.requests)) == ("ok", 1)


@pytest.mark.parametrize(
    "behaviour",
    [status(500), status(404), status(403, b"no"), hang_up, body(b"<html>Sign in</html>"), body(b""), redirect(302, "http://10.0.0.1/")],
)
def test_a_feed_that_cannot_be_read_is_kept_and_says_why(client: httpx.Client, server: FeedServer, behaviour: Any) -> None:
    server.answers["/a.ics"] = behaviour
    feed = subscribe(client, server.url("/a.ics"))
    assert (feed["import_summary"]["ok"], feed["import_summary"]["count"], feed["state"]) == (False, 0, "failed")
    assert feed["import_summary"]["error"] == feed["error"] != ""
    assert titles(client) == []


def test_the_last_good_copy_outlives_every_failure(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    feed = subscribe(client, server.url("/a.ics"))
    for behaviour in (status(500), hang_up, body(b"<html>"), status(304), status(404), redirect(301, "http://10.0.0.1/a.ics")):
        server.answers["/a.ics"] = behaviour
        refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
        assert titles(client) == ["Lecture"]
    assert feed_of(client, feed)["state"] == "failed"
    server.answers["/a.ics"] = body(CALENDAR.replace(b"Lecture", b"Seminar"))
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert (titles(client), feed_of(client, feed)["state"]) == (["Seminar"], "ok")


TWO = CALENDAR.replace(b"END:VCAL", b"BEGIN:VEVENT\r\nUID:b\r\nDTSTART:20310507T190000Z\r\nSUMMARY:Seminar\r\nEND:VEVENT\r\nEND:VCAL")


@pytest.mark.parametrize("cut", [TWO[:-5], TWO[: TWO.index(b"END:VCAL")], TWO[: TWO.index(b"UID:b")], TWO[:40]], ids=len)
@pytest.mark.parametrize("answer", [unmeasured, in_chunks])
def test_an_answer_that_was_cut_off_replaces_no_whole_one(
    client: httpx.Client, server: FeedServer, services: Services, answer: Any, cut: bytes
) -> None:
    server.answers["/a.ics"] = answer(TWO)
    feed = subscribe(client, server.url("/a.ics"))
    assert (titles(client), feed["rejected_count"]) == (["Lecture", "Seminar"], 0)
    server.answers["/a.ics"] = answer(cut)
    source = refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert (titles(client), feed_of(client, feed)["state"]) == (["Lecture", "Seminar"], "failed")
    assert source.error is not None
    assert "ends before" in source.error
    server.answers["/a.ics"] = answer(CALENDAR)
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert (titles(client), feed_of(client, feed)["state"]) == (["Lecture"], "ok")


def test_calendars_of_programs_that_write_no_end_are_read_and_told(client: httpx.Client, server: FeedServer, services: Services) -> None:
    endless = TWO[: TWO.index(b"END:VCAL")]
    server.answers["/a.ics"] = unmeasured(endless)
    feed = subscribe(client, server.url("/a.ics"))
    assert (titles(client), feed["state"], feed["rejected_count"]) == (["Lecture", "Seminar"], "ok", 1)
    assert "END:VCALENDAR" in feed["rejected"][0]["reason"]
    server.answers["/a.ics"] = unmeasured(endless.replace(b"Seminar", b"Colloquium"))
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert titles(client) == ["Lecture", "Colloquium"]


def test_a_chunked_answer_without_its_last_chunk_is_a_fault(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    feed = subscribe(client, server.url("/a.ics"))
    server.answers["/a.ics"] = in_chunks(TWO, ended=False)
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert (titles(client), feed_of(client, feed)["state"]) == (["Lecture"], "failed")


def test_a_calendar_that_shrinks_to_nothing_is_believed_the_third_time(
    client: httpx.Client, server: FeedServer, services: Services
) -> None:
    server.answers["/a.ics"] = body(CALENDAR, ETag='"1"')
    subscribe(client, server.url("/a.ics"))
    server.answers["/a.ics"] = body(EMPTY_CALENDAR, ETag='"2"')
    for expected in (["Lecture"], ["Lecture"], []):
        refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
        assert titles(client) == expected


def test_requests_are_conditional(client: httpx.Client, server: FeedServer, services: Services) -> None:
    modified = "Tue, 06 May 2031 10:00:00 GMT"
    server.answers["/a.ics"] = conditional(CALENDAR, 'W/"1"', modified)
    feed = subscribe(client, server.url("/a.ics"))
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    asked = server.asked("/a.ics")[1]
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('W/"1"', modified)
    assert (titles(client), feed_of(client, feed)["state"]) == (["Lecture"], "ok")


@pytest.mark.parametrize("validator", [{"ETag": '"1"'}, {"Last_Modified": "Thu, 27 Nov 2025 10:00:00 GMT"}])
def test_validators_hold_for_the_address_that_gave_them(
    client: httpx.Client, server: FeedServer, services: Services, validator: dict[str, str]
) -> None:
    def unless_known(data: bytes) -> Any:
        """As servers compare: any If-Modified-Since here is later than what they have."""

        def answer(handler: Any) -> None:
            known = handler.headers.get("If-None-Match") or handler.headers.get("If-Modified-Since")
            (status(304) if known else body(data, **validator))(handler)

        return answer

    url = server.url("/current.ics")
    server.answers["/current.ics"] = redirect(302, "/autumn.ics")
    server.answers["/autumn.ics"] = unless_known(CALENDAR.replace(b"Lecture", b"Autumn"))
    server.answers["/winter.ics"] = unless_known(CALENDAR.replace(b"Lecture", b"Winter"))
    subscribe(client, url)
    refresh_source(services.thread_pool, url, LOCAL)
    sent = {"If-None-Match", "If-Modified-Since"} & {name.title() for name in server.asked("/autumn.ics")[1]}
    assert (len(sent), titles(client)) == (1, ["Autumn"])
    server.answers["/current.ics"] = redirect(302, "/winter.ics")
    for _ in range(2):
        assert refresh_source(services.thread_pool, url, LOCAL).error is None
        assert titles(client) == ["Winter"]


def test_304_without_a_copy_is_a_fault(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = status(304)
    feed = subscribe(client, server.url("/a.ics"))
    assert (feed["state"], feed["import_summary"]["ok"]) == ("failed", False)
    server.answers["/a.ics"] = body(CALENDAR)
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert titles(client) == ["Lecture"]


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-8", "text/calendar; charset=iso-8859-1"),
        ("shift_jis", "text/calendar; charset=Shift_JIS"),
        ("utf-16-le", "text/calendar"),
        ("utf-16", "text/calendar; charset=iso-8859-1"),
        ("utf-16-le", "text/calendar; charset=iso-8859-1"),
        ("utf-8", "text/html; charset=no-such-thing"),
    ],
)
def test_a_calendar_may_change_its_charset(
    client: httpx.Client, server: FeedServer, services: Services, encoding: str, content_type: str
) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    subscribe(client, server.url("/a.ics"))
    text = CALENDAR.decode().replace("Lecture", "講義の時間")
    server.answers["/a.ics"] = body(text.encode(encoding), Content_Type=content_type)
    for _ in range(2):
        assert refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL).error is None
        assert titles(client) == ["講義の時間"]


def test_a_charset_that_is_corrected_is_believed_also_when_the_bytes_stay_the_same(
    client: httpx.Client, server: FeedServer, services: Services
) -> None:
    data = CALENDAR.decode().replace("Lecture", "Лекция").encode("koi8-r")
    server.answers["/a.ics"] = body(data, Content_Type="text/calendar; charset=windows-1251")
    subscribe(client, server.url("/a.ics"))
    assert titles(client) != ["Лекция"]
    server.answers["/a.ics"] = body(data, Content_Type="text/calendar; charset=koi8-r")
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert titles(client) == ["Лекция"]


def test_a_character_torn_by_the_folding_costs_no_other(client: httpx.Client, server: FeedServer) -> None:
    torn = CALENDAR.replace(b"Lecture", "Bücher für Käufer".encode().replace(b"\xc3\xa4", b"\xc3\r\n \xa4"))
    server.answers["/a.ics"] = body(torn, Content_Type="text/calendar; charset=ISO-8859-1")
    subscribe(client, server.url("/a.ics"))
    assert titles(client) == ["Bücher für Käufer"]


def test_permanent_redirects_are_followed_for_good(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/old.ics"] = redirect(301, "/new.ics")
    server.answers["/new.ics"] = body(CALENDAR)
    feed = subscribe(client, server.url("/old.ics"))
    refresh_source(services.thread_pool, server.url("/old.ics"), LOCAL)
    assert (len(server.asked("/old.ics")), len(server.asked("/new.ics"))) == (1, 2)
    assert feed_of(client, feed)["source_url"] == server.url("/old.ics")


@pytest.mark.parametrize("failure", [status(404), status(410), hang_up, body(b"<html>Moved on</html>")])
@pytest.mark.parametrize("again", [redirect(301, "/third.ics"), body(CALENDAR.replace(b"Lecture", b"Seminar"), ETag='"1"')])
def test_a_move_is_forgotten_when_its_target_fails(
    client: httpx.Client, server: FeedServer, services: Services, failure: Any, again: Any
) -> None:
    url = server.url("/old.ics")
    server.answers["/old.ics"] = redirect(301, "/new.ics")
    server.answers["/new.ics"] = conditional(CALENDAR, '"1"', "Tue, 06 May 2031 10:00:00 GMT")
    feed = subscribe(client, url)
    refresh_source(services.thread_pool, url, LOCAL)
    server.answers |= {"/new.ics": failure, "/old.ics": again, "/third.ics": body(CALENDAR.replace(b"Lecture", b"Seminar"))}
    for _ in range(2):
        assert refresh_source(services.thread_pool, url, LOCAL).error is None
        assert (titles(client), feed_of(client, feed)["state"]) == (["Seminar"], "ok")
    assert len(server.asked("/new.ics")) == 3
    assert "if-none-match" not in server.asked("/old.ics")[1]


def test_a_moved_calendar_that_wants_to_be_left_alone_is_left_alone(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/old.ics"] = redirect(301, "/new.ics")
    server.answers["/new.ics"] = body(CALENDAR)
    subscribe(client, server.url("/old.ics"))
    server.answers["/new.ics"] = status(503, Retry_After="3600")
    refresh_source(services.thread_pool, server.url("/old.ics"), LOCAL)
    assert (len(server.asked("/old.ics")), len(server.asked("/new.ics"))) == (1, 2)


def test_a_calendar_under_another_label_is_one(client: httpx.Client, server: FeedServer) -> None:
    server.answers["/a.ics"] = body(CALENDAR, Content_Type="text/html; charset=utf-8")
    assert (subscribe(client, server.url("/a.ics"))["state"], titles(client)) == ("ok", ["Lecture"])


def test_events_whose_uid_changes_each_time_show_once(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    subscribe(client, server.url("/a.ics"))
    for number in range(3):
        server.answers["/a.ics"] = body(CALENDAR.replace(b"UID:a", b"UID:new-%d" % number))
        refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
        assert titles(client) == ["Lecture"]


@pytest.mark.parametrize("etag", ['"same"', 'W/"same"'])
def test_an_answer_counts_for_what_it_holds_whatever_its_etag(
    client: httpx.Client, server: FeedServer, services: Services, etag: str
) -> None:
    server.answers["/a.ics"] = body(CALENDAR, ETag=etag)
    subscribe(client, server.url("/a.ics"))
    server.answers["/a.ics"] = body(CALENDAR.replace(b"Lecture", b"Seminar"), ETag=etag)
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert server.asked("/a.ics")[1]["if-none-match"] == etag
    assert titles(client) == ["Seminar"]
    server.answers["/a.ics"] = status(304, ETag='"other"')
    assert refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL).error is None
    assert titles(client) == ["Seminar"]


def test_the_same_bytes_are_not_read_again(client: httpx.Client, server: FeedServer, services: Services) -> None:
    server.answers["/a.ics"] = body(CALENDAR.replace(b"Lecture", b"Read once"))
    subscribe(client, server.url("/a.ics"))
    with services.thread_pool.connection() as connection:
        connection.execute("UPDATE feeds.entries SET title = '\"Kept\"' WHERE title = '\"Read once\"'")
    refresh_source(services.thread_pool, server.url("/a.ics"), LOCAL)
    assert titles(client) == ["Kept"]
    with services.thread_pool.connection() as connection:
        connection.execute("UPDATE feeds.entries SET title = '\"Read once\"' WHERE title = '\"Kept\"'")


def test_lost_copies_are_made_again(client: httpx.Client, services: Services, server: FeedServer) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    subscribe(client, server.url("/a.ics"))
    client.post("/calendar-feeds/", json={"title": "Pasted", "raw_ical": CALENDAR.decode().replace("Lecture", "Pasted")})
    with services.thread_pool.connection() as connection:
        connection.execute("TRUNCATE feeds.texts, feeds.sources CASCADE")
    assert titles(client) == []
    for _ in range(5):
        # The feeds of the other tests are due as well, and a round has its limit.
        keep_feeds(services)
    assert sorted(titles(client)) == ["Lecture", "Pasted"]


def test_copies_of_an_older_reader_are_read_again(client: httpx.Client, services: Services, server: FeedServer) -> None:
    server.answers["/outdated"] = body(CALENDAR.replace(b"Lecture", b"Outdated"))
    subscribe(client, server.url("/outdated"))
    with services.thread_pool.connection() as connection:
        (text,) = connection.execute("SELECT text_id FROM feeds.entries WHERE title = '\"Outdated\"'").fetchone() or (None,)
        connection.execute("UPDATE feeds.entries SET title = '\"Wrong\"' WHERE text_id = %s", (text,))
        connection.execute("UPDATE feeds.texts SET reader = 0 WHERE id = %s", (text,))
    while read_given_texts(services.thread_pool):
        pass
    assert titles(client) == ["Outdated"]


def test_failures_are_logged_with_feed_and_cause_and_without_the_secret_address(
    client: httpx.Client, server: FeedServer, services: Services, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    url = server.url("/private-0123456789/basic.ics")
    feeds = [subscribe(client, url)["id"] for _ in range(2)]
    with caplog.at_level(logging.DEBUG):
        refresh_source(services.thread_pool, url, LOCAL)
        refresh_source(services.thread_pool, server.url("/private-0123456789/other.ics"), LOCAL)
    written = capsys.readouterr().out + caplog.text
    named = ", ".join(f"{feed} 'Timetable'" for feed in feeds)
    assert f"Calendar feed skipped: {named}: The address answered with status 404." in written
    assert "Calendar feed skipped: a new one: The address answered with status 404." in written
    assert "positional_args" not in written
    assert "private-0123456789" not in written


def test_credentials_in_an_address_are_used_and_never_shown(client: httpx.Client, server: FeedServer) -> None:
    server.answers["/a.ics"] = body(CALENDAR)
    feed = subscribe(client, server.url("/a.ics", "ada:s3cret@127.0.0.1"))
    assert feed["source_url"] == server.url("/a.ics", "***@127.0.0.1")
    assert client.patch(f"/calendar-feeds/{feed['id']}/", json={"source_url": feed["source_url"]}).status_code == 200
    assert client.post(f"/calendar-feeds/{feed['id']}/refresh/").json()["state"] == "ok"
    other = {"title": "B", "source_url": server.url("/b.ics", "***@127.0.0.1")}
    for answer in (client.patch(f"/calendar-feeds/{feed['id']}/", json=other), client.post("/calendar-feeds/", json=other)):
        assert (answer.status_code, list(answer.json())) == (400, ["source_url"])
    assert server.asked("/b.ics") == []
    asked = server.asked("/a.ics")
    assert {headers["authorization"] for headers in asked} == {"Basic " + base64.b64encode(b"ada:s3cret").decode()}
    for path in ("/calendar-feeds/", f"/calendar-feeds/{feed['id']}/", "/changes/"):
        assert "s3cret" not in client.get(path).text


def test_private_addresses_are_refused_in_the_feeds_error(client: httpx.Client) -> None:
    feed = subscribe(client, "http://169.254.169.254/latest/meta-data/")
    assert feed["state"] == "failed"
    assert "private network" in feed["import_summary"]["error"]
