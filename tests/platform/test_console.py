"""The operator's console, page by page over HTTP."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from api.console.visit import COOKIE, TOLD
from commands.accounts.aggregate import Account
from commands.accounts.operators import promote
from commands.context import Context, utc_now
from commands.handling import Work
from commands.lookups import Lookups
from commands.note_sessions.commands import StartNoteSession, start_note_session
from eventstore.events.accounts import PasswordDropped
from projections.catalog import ALL_PROJECTIONS
from projections.rebuild import rebuild
from reactors.dangling import close_dangling_sessions
from reactors.jobs import do_jobs
from settings import Settings
from tests.accounts.people import PASSWORD, Person, make_person
from tests.platform.console import csrf
from wiring import Services, build_services, opened_services

PAGES = ("", "accounts", "invitations", "courses", "events", "projections", "feeds", "mails")


def _events(services: Services, stream: str) -> list[tuple[str, dict[str, Any]]]:
    with services.thread_pool.connection() as connection:
        sql = "SELECT type, metadata FROM log.readable_events WHERE stream = %s ORDER BY version"
        return connection.execute(sql, (stream,)).fetchall()


@pytest.mark.parametrize("page", PAGES)
def test_nobody_but_staff_sees_a_page(client: httpx.Client, services: Services, page: str) -> None:
    assert client.get(f"/admin/{page}").headers["Location"].startswith("/admin/login")
    somebody = make_person(services)
    refused = client.post("/admin/login", data={"username": somebody.username, "password": PASSWORD})
    assert refused.status_code == 400
    assert COOKIE not in client.cookies
    client.cookies.set(COOKIE, somebody.token)
    assert client.get(f"/admin/{page}").headers["Location"].startswith("/admin/login")


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_there_for_staff_and_run_no_foreign_script(client: httpx.Client, staff: Person, page: str) -> None:
    answer = client.get(f"/admin/{page}")
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=|javascript:", answer.text)


def test_forms_of_other_sites_do_nothing(client: httpx.Client, services: Services, staff: Person) -> None:
    victim = make_person(services)
    path, form = f"/admin/accounts/{victim.account_id}/act", {"act": "disable", "reason": "because"}
    token = csrf(client)
    for headers, fields in (
        ({}, form),
        ({}, form | {"csrf": "0" * 64}),
        ({"Origin": "https://evil.example"}, form | {"csrf": token}),
        ({"Sec-Fetch-Site": "cross-site"}, form | {"csrf": token}),
    ):
        assert client.post(path, data=fields, headers=headers).status_code == 403
    assert [name for name, _ in _events(services, f"account-{victim.account_id}")][-1] != "AccountDisabled"
    assert client.post(path, data=form | {"csrf": token}, headers={"Origin": str(client.base_url).rstrip("/")}).status_code == 303


def test_every_act_is_an_event_with_actor_and_reason(client: httpx.Client, services: Services, staff: Person) -> None:
    victim = make_person(services)
    path, token = f"/admin/accounts/{victim.account_id}/act", csrf(client)
    assert client.post(path, data={"act": "disable", "csrf": token, "reason": "  "}).status_code == 400
    assert client.get("/api/v1/settings/", headers=victim.headers).status_code == 200
    assert client.post(path, data={"act": "disable", "csrf": token, "reason": "Sends spam."}).status_code == 303
    assert client.get("/api/v1/settings/", headers=victim.headers).status_code == 401
    name, about = _events(services, f"account-{victim.account_id}")[-1]
    assert (name, about["actor"], about["client"], about["reason"]) == ("AccountDisabled", staff.account_id, "console", "Sends spam.")
    assert "Sends spam." in client.get("/admin/events").text
    assert client.post(path, data={"act": "enable", "csrf": token, "reason": "Sorry."}).status_code == 303
    assert client.post(path, data={"act": "nonsense", "csrf": token, "reason": "Why not."}).status_code == 400


def test_sessions_are_ended_one_by_one(client: httpx.Client, services: Services, staff: Person) -> None:
    person = make_person(services)
    path = f"/admin/accounts/{person.account_id}"
    assert f'name="session" value="{person.session_id}"' in client.get(path).text
    form = {"act": "end_session", "session": str(person.session_id), "csrf": csrf(client), "reason": "Lost phone."}
    assert client.post(f"{path}/act", data=form).status_code == 303
    assert client.get("/api/v1/settings/", headers=person.headers).status_code == 401
    assert client.post(f"{path}/act", data=form | {"session": "x"}).status_code == 400


def test_staff_rights_are_given_by_superusers_and_nobody_shuts_out_oneself(client: httpx.Client, services: Services, staff: Person) -> None:
    token, somebody = csrf(client), make_person(services)
    form = {"csrf": token, "reason": "Trying."}
    assert client.post(f"/admin/accounts/{somebody.account_id}/act", data=form | {"act": "promote"}).status_code == 400
    assert client.post(f"/admin/accounts/{staff.account_id}/act", data=form | {"act": "disable"}).status_code == 400
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("act", ["disable", "enable", "demote", "sign_out", "end_session", "void_key"])
def test_staff_does_nothing_to_superusers(client: httpx.Client, services: Services, staff: Person, act: str) -> None:
    chief = make_person(services, staff=True)
    decide = partial(promote, username=chief.username, is_staff=True, is_superuser=True)
    services.commands.run(decide, Context(actor=None, channel="cli"))
    client.post("/api/v1/auth/rotate-api-key/", headers=chief.headers)
    before = _events(services, f"account-{chief.account_id}")
    form = {"act": act, "session": str(chief.session_id), "csrf": csrf(client), "reason": "Because."}
    refused = client.post(f"/admin/accounts/{chief.account_id}/act", data=form)
    assert refused.status_code == 400
    assert "Only a superuser" in refused.text
    assert _events(services, f"account-{chief.account_id}") == before
    assert 'name="act"' not in client.get(f"/admin/accounts/{chief.account_id}").text
    assert client.get("/api/v1/settings/", headers=chief.headers).status_code == 200


def test_a_key_that_is_void_is_not_voided_again(client: httpx.Client, services: Services, staff: Person) -> None:
    person = make_person(services)
    key = client.post("/api/v1/auth/rotate-api-key/", headers=person.headers).json()["api_key"]
    path, form = f"/admin/accounts/{person.account_id}", {"act": "void_key", "csrf": csrf(client), "reason": "Leaked."}
    assert client.post(f"{path}/act", data=form).status_code == 303
    assert client.get("/api/v1/settings/", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    before = _events(services, f"account-{person.account_id}")
    assert client.post(f"{path}/act", data=form).status_code == 400
    assert _events(services, f"account-{person.account_id}") == before
    assert client.post("/api/v1/auth/rotate-api-key/", headers=person.headers).status_code == 200
    assert client.post(f"{path}/act", data=form).status_code == 303


@pytest.mark.parametrize("uses", ["0", "100001", "-1", "1.5", "", "²", "000000001" + "9" * 20, "9" * 5000])
def test_number_of_uses_is_checked_whole(client: httpx.Client, staff: Person, uses: str) -> None:
    form = {"max_uses": uses, "csrf": csrf(client), "reason": "For a class."}
    refused = client.post("/admin/invitations", data=form)
    assert refused.status_code == 400
    assert "Between 1 and 100000." in refused.text


def test_invitation_codes_are_shown_once(client: httpx.Client, services: Services, staff: Person) -> None:
    form = {"label": "spring", "max_uses": "3", "expires_at": "", "reason": "New class.", "csrf": csrf(client, "/admin/invitations")}
    made = client.post("/admin/invitations", data=form).text
    code = re.search(r'class="code">([\w-]+)<', made)
    assert code
    assert client.post("/api/v1/auth/validate-invitation/", json={"invitation_code": code[1]}).json() == {"required": True, "valid": True}
    again = client.get("/admin/invitations").text
    assert "spring" in again
    assert code[1] not in again
    for wrong in ({"max_uses": "0"}, {"max_uses": "many"}, {"expires_at": "tomorrow"}, {"expires_at": "2020-01-01"}):
        assert client.post("/admin/invitations", data=form | wrong).status_code == 400


def test_an_invitation_is_good_on_its_last_day(client: httpx.Client, staff: Person) -> None:
    form = {"max_uses": "1", "expires_at": str(utc_now().date()), "reason": "Open day.", "csrf": csrf(client, "/admin/invitations")}
    code = re.search(r'class="code">([\w-]+)<', client.post("/admin/invitations", data=form).text)
    assert code
    answer = client.post("/api/v1/auth/validate-invitation/", json={"invitation_code": code[1]})
    assert answer.json() == {"required": True, "valid": True}


def test_events_tell_what_they_were_caused_by(client: httpx.Client, services: Services, staff: Person) -> None:
    """A session that was left open is closed because of its start."""
    author = make_person(services)
    note = client.post("/api/v1/notes/", json={"title": "Left open"}, headers=author.headers).json()["id"]
    begun = Context(actor=author.account_id, channel="web", now=utc_now() - timedelta(hours=13))
    session = services.commands.run(lambda work: start_note_session(work, StartNoteSession(note_id=note)), begun).result
    close_dangling_sessions(services)
    closed, started = re.findall(r"/admin/events/(\d+)", client.get(f"/admin/streams/note-session-{session}").text)
    caused = client.get(f"/admin/events/{started}").text.partition("<h3>Caused</h3>")[2]
    cause = client.get(f"/admin/events/{closed}").text.partition("<h3>Caused by</h3>")[2]
    assert f"/admin/events/{closed}" in caused
    assert f"/admin/events/{started}" in cause


def test_events_tell_their_command_and_hide_secrets(client: httpx.Client, services: Services, staff: Person) -> None:
    person = make_person(services)
    stream = client.get(f"/admin/streams/account-{person.account_id}").text
    position = int(re.findall(r"/admin/events/(\d+)", stream)[-1])
    event = client.get(f"/admin/events/{position}").text
    assert "Same command" in event
    assert f"session-{person.session_id}" in event
    assert "password_hash" in event
    assert "argon2" not in event + stream
    assert client.get("/admin/events/999999999").status_code == 404


def test_of_a_calendar_only_the_host_is_shown(client: httpx.Client, services: Services, staff: Person) -> None:
    body = {"title": "Shifts", "source_url": "https://nora:sesame@calendar.example:8443/shifts-4711.ics?pass=sesame"}
    feed = client.post("/api/v1/calendar-feeds/", json=body, headers=staff.headers).json()["id"]
    with services.thread_pool.connection() as connection:
        # Unless it was read, or tried, by now.
        source = "INSERT INTO feeds.sources (digest, url) SELECT source_digest, %s FROM calendars.feeds WHERE id = %s"
        connection.execute(f"{source} ON CONFLICT DO NOTHING".encode(), (body["source_url"], feed))
    stream = client.get(f"/admin/streams/calendar-feed-{feed}").text
    [position, *_] = re.findall(r"/admin/events/(\d+)", stream)
    for page in (stream, client.get(f"/admin/events/{position}").text, client.get("/admin/feeds").text):
        assert "calendar.example:8443" in page
        assert not re.search("nora|sesame|4711", page)


def test_streams_travel_in_time(client: httpx.Client, services: Services, staff: Person) -> None:
    person = make_person(services)
    note = client.post("/api/v1/notes/", json={"title": "First", "content": "one"}, headers=person.headers).json()["id"]
    client.patch(f"/api/v1/notes/{note}/", json={"title": "Second"}, headers=person.headers)
    now = client.get(f"/admin/streams/note-{note}").text
    then = client.get(f"/admin/streams/note-{note}?at=1").text

    def state(page: str) -> str:
        found = re.search(r"<h2>State</h2>\s*<pre>(.*?)</pre>", page, flags=re.DOTALL)
        assert found
        return found[1]

    assert "Second" in state(now)
    assert "First" in state(then)
    assert "Second" not in state(then)
    plan = {"title": "A plan", "event_date": "2031-05-06"}
    event = client.post("/api/v1/planner-events/", json=plan, headers=staff.headers).json()["id"]
    assert "A plan" in state(client.get(f"/admin/streams/planner-event-{event}").text)
    assert client.get("/admin/streams/note-999999").status_code == 404
    assert client.get(f"/admin/streams/note-{note}?at=99999999999999999999").status_code == 200


def test_hostile_text_is_shown_as_text(client: httpx.Client, services: Services, staff: Person) -> None:
    person = make_person(services)
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    client.post("/api/v1/courses/", json={"title": evil[:100], "description": ""}, headers=person.headers)
    for page in (f"/admin/courses?q={person.username}", "/admin/events", f"/admin/accounts?q={evil}", f"/admin/?told={evil}"):
        text = client.get(page).text
        assert "<script>alert" not in text
        assert "<img" not in text


@pytest.mark.parametrize(
    "path",
    ["/admin/events?before=x&actor=-1", "/admin/accounts?after=99999999999999999999", "/admin/accounts?q=%00%25_\\", "/admin/streams/%00",
     "/admin/events?actor=999999999999999&type=%F0%9F%92%A5", "/admin/nope", "/admin/accounts/999999999999999"],
)  # fmt: skip
def test_strange_addresses_do_no_harm(client: httpx.Client, staff: Person, path: str) -> None:
    assert client.get(path).status_code in (200, 404)


def test_too_many_parameters_are_told(client: httpx.Client) -> None:
    refused = client.get("/admin/", params={f"a{number}": "1" for number in range(60)})
    assert refused.status_code == 400
    assert "query parameters" in refused.text


def test_a_page_says_nothing_that_its_address_made_up(client: httpx.Client, staff: Person) -> None:
    assert "evil.example" not in client.get("/admin/login?told=Visit evil.example").text
    assert "evil.example" not in client.get("/admin/?told=Visit evil.example").text
    assert TOLD["deliver"] in client.get("/admin/mails?told=deliver").text


def test_jobs_are_asked_for_with_a_reason_and_done_by_the_background_process(
    client: httpx.Client, services: Services, staff: Person, prepared: Settings
) -> None:
    form = {"action": "verify", "target": "accounts", "reason": "Just looking.", "csrf": csrf(client)}
    asked = client.post("/admin/projections/act", data=form)
    assert asked.status_code == 303
    job = asked.headers["Location"].partition("#job-")[2]
    waiting = client.get(f"/admin/jobs/{job}").text
    assert "hx-trigger" in waiting
    assert "waiting" in waiting
    [(name, about)] = _events(services, re.findall(r"operation-\d+", waiting)[0])
    assert (name, about["reason"], about["actor"]) == ("OperationRequested", "Just looking.", staff.account_id)
    background = build_services(prepared)
    background.thread_pool.open()
    try:
        assert "rows are what" in _finished(client, background, job)
        form |= {"action": "rebuild", "target": "*"}
        job = client.post("/admin/projections/act", data=form).headers["Location"].partition("#job-")[2]
        assert "writers waited" in _finished(client, background, job)
        with psycopg.connect(prepared.conninfo(), autocommit=True) as connection:
            connection.execute("UPDATE accounts.accounts SET first_name = 'wrong' WHERE id = %s", (staff.account_id,))
            form |= {"action": "verify", "target": "accounts"}
            job = client.post("/admin/projections/act", data=form).headers["Location"].partition("#job-")[2]
            assert "1 of" in (told := _finished(client, background, job))
            assert "failed" in told
        form |= {"action": "rebuild", "target": "accounts"}
        job = client.post("/admin/projections/act", data=form).headers["Location"].partition("#job-")[2]
        _finished(client, background, job)
    finally:
        background.log.close()
        background.thread_pool.close()
    assert client.post("/admin/projections/act", data=form | {"target": "nonsense"}).status_code == 400
    assert client.post("/admin/projections/act", data=form | {"action": "drop"}).status_code == 400


def test_parked_streams_are_shown_with_their_error_and_retried(
    client: httpx.Client, services: Services, staff: Person, prepared: Settings
) -> None:
    note = client.post("/api/v1/notes/", json={"title": "Waits"}, headers=staff.headers).json()["id"]
    rebuild(prepared.conninfo(), [p for p in ALL_PROJECTIONS if p.name == "search"])
    with psycopg.connect(prepared.conninfo(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO log.parked_streams (projection, stream, position, error)"
            " SELECT 'search', stream, position, 'ValueError: <b>odd</b>' FROM log.events WHERE stream = %s AND version = 1",
            (f"note-{note}",),
        )
        connection.execute("DELETE FROM search.entries WHERE note_id = %s", (note,))
    shown = client.get("/admin/projections").text
    assert f'href="/admin/streams/note-{note}"' in shown
    assert "ValueError: &lt;b&gt;odd&lt;/b&gt;" in shown
    assert ">Retry search</button>" in shown
    assert not client.get("/api/v1/ready/").json()["well"]
    form = {"action": "retry", "target": "search", "csrf": csrf(client)}
    assert client.post("/admin/projections/act", data=form | {"reason": ""}).status_code == 400
    asked = client.post("/admin/projections/act", data=form | {"reason": "Mended by the release."})
    with opened_services(prepared) as background:
        assert "failed" not in _finished(client, background, asked.headers["Location"].partition("#job-")[2])
    assert "Retry search" not in client.get("/admin/projections").text
    with psycopg.connect(prepared.conninfo()) as connection:
        assert connection.execute("SELECT title FROM search.entries WHERE note_id = %s", (note,)).fetchone() == ("waits",)


def test_an_account_tells_how_it_signs_in(client: httpx.Client, services: Services, staff: Person) -> None:
    person = make_person(services)
    path = f"/admin/accounts/{person.account_id}"
    assert "<dd>password</dd>" in client.get(path).text
    context = Context(actor=None, channel="cli")

    def drop(work: Work[Lookups]) -> None:
        account = work.find(Account, person.account_id)
        assert account is not None
        account.trigger(PasswordDropped, work.context.now)

    services.commands.run(drop, context)
    assert "<dd>nothing</dd>" in client.get(path).text


def _finished(client: httpx.Client, background: Services, job: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        do_jobs(background)
        told = client.get(f"/admin/jobs/{job}").text
        if "hx-trigger" not in told:
            return told
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_mails_are_hurried_with_a_reason(client: httpx.Client, services: Services, staff: Person) -> None:
    with services.thread_pool.connection() as connection:
        [mail_id] = connection.execute(
            "INSERT INTO log.mails (account_id, content, due_at) VALUES (%s, 'sealed', now() + interval '1 day') RETURNING id",
            (staff.account_id,),
        ).fetchone() or (0,)
        assert f"/admin/mails/{mail_id}/deliver" in client.get("/admin/mails").text
        client.post(f"/admin/mails/{mail_id}/deliver", data={"reason": "Somebody waits.", "csrf": csrf(client)})
        assert connection.execute("SELECT due_at <= now() FROM log.mails WHERE id = %s", (mail_id,)).fetchone() == (True,)
        connection.execute("DELETE FROM log.mails WHERE id = %s", (mail_id,))
