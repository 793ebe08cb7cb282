"""Erasing an account: nothing of it is left in the store, and nothing of others is gone."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import httpx
import psycopg
import pytest

import commands
from commands.accounts.aggregate import Account
from commands.accounts.erasure import KINDS
from commands.accounts.operators import disable, enable, promote
from commands.aggregate import Aggregate
from commands.bootstrap import Administrator, Ensured, ensure_administrator
from commands.context import Context
from commands.courses.commands import CreateCourse, create_course
from commands.errors import AccountGone, Conflict
from commands.handling import Once, Work
from commands.lookups import Lookups
from eventstore.blobs import Blobs, BlobStoreUnavailable
from eventstore.codec import Recorded
from eventstore.events import Event
from eventstore.events.accounts import AccountErasureRequested
from eventstore.mails import Mail
from eventstore.uses import note_use
from eventstore.verify import verify_log
from eventstore.writers import await_writers
from projections.accounts.lookups import _OWNED
from projections.reading import Caller
from reactors.erasure import ERASURE, erase_account
from reactors.following import TryLater
from reactors.mail import MailSender
from reactors.outbox import write_mail
from tests.accounts.mailbox import codes_for
from tests.accounts.people import PASSWORD, Person, make_person
from tests.dumps import dumped
from wiring import Services

V1 = "/api/v1"
SECRET = "Unrepeatable-words"


def everything(services: Services) -> str:
    """All values of all tables, as a dump shows them."""
    found = []
    with psycopg.connect(services.settings.conninfo()) as connection:
        tables = connection.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            columns = connection.execute(f"SELECT * FROM {table}")
            for row in columns:
                found += [as_text(value) for value in row]
    return "\n".join(found)


def as_text(value: object) -> str:
    """A value as a dump can be searched for it."""
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)


def traces_in(text: str, traces: list[str]) -> list[str]:
    """Which of the traces the dump holds, as text or as bytes in any of their spellings."""
    return [trace for trace in traces if trace.lower() in text or any(form.encode().hex() in text for form in (trace, trace.lower()))]


def erase(door: httpx.Client, services: Services, person: Person) -> httpx.Response:
    assert door.post(f"{V1}/auth/send-identity-code/", headers=person.headers).status_code == 200
    code = codes_for(services, person.email)[-1]
    return door.request("DELETE", f"{V1}/auth/account/", json={"identity_code": code}, headers=person.headers)


@pytest.fixture
def full_person(door: httpx.Client, services: Services) -> Person:
    """Somebody with something of everything."""
    person = make_person(services, f"Erasable{len(everything(services)) % 9973}")
    headers = person.headers
    assert door.patch(f"{V1}/settings/", json={"motto": SECRET, "app_settings": {"x": SECRET}}, headers=headers).status_code == 200
    course = door.post(f"{V1}/courses/", json={"title": SECRET, "description": SECRET}, headers=headers).json()
    note = door.post(f"{V1}/notes/", json={"title": SECRET, "content": f"{SECRET} one", "course_id": course["id"]}, headers=headers).json()
    door.patch(f"{V1}/notes/{note['id']}/", json={"content": f"{SECRET} two"}, headers=headers)
    binned = door.post(f"{V1}/notes/", json={"title": SECRET, "content": SECRET}, headers=headers).json()
    assert door.delete(f"{V1}/notes/{binned['id']}/", headers=headers).status_code == 204
    plan = {"title": SECRET, "event_date": "2031-05-06"}
    assert door.post(f"{V1}/planner-events/", json=plan, headers={**headers, "Idempotency-Key": "plan"}).status_code == 201
    calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20310101T000000Z\r\n"
    calendar += f"DTSTART:20310506T090000Z\r\nSUMMARY:{SECRET}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    assert door.post(f"{V1}/calendar-feeds/", json={"title": SECRET, "ics_text": calendar}, headers=headers).status_code == 201
    files = {"file": (f"{SECRET}.txt", SECRET.encode())}
    assert door.post(f"{V1}/notes/{note['id']}/attachments/", files=files, headers=headers).status_code == 201
    session = {"note_id": note["id"], "start_time": "2031-05-06T10:00:00Z", "title": SECRET}
    assert door.post(f"{V1}/note-sessions/", json=session, headers=headers).status_code == 201
    assert door.post(f"{V1}/auth/login/", json={"email": person.email, "password": PASSWORD}, headers={"User-Agent": SECRET}).is_success
    rotated = door.post(f"{V1}/auth/rotate-api-key/", headers={**headers, "Idempotency-Key": SECRET})
    by_key = {"Authorization": f"Bearer {rotated.json()['api_key']}"}
    assert door.patch(f"{V1}/notes/{note['id']}/", json={"content": f"{SECRET} three"}, headers=by_key).status_code == 200
    moved = f"moved.{person.email}"
    assert door.patch(f"{V1}/settings/", json={"email": moved}, headers=headers).status_code == 200
    return replace(person, email=moved)


def test_nothing_of_an_erased_account_is_left(door: httpx.Client, services: Services, full_person: Person) -> None:
    traces = [SECRET, full_person.email, full_person.email.removeprefix("moved."), full_person.username]
    assert traces_in(dumped(services.settings.conninfo()).lower(), traces) == traces
    half = services.settings.data_dir / f"media/user_upload/user_{full_person.account_id}/notes/note_1/half.txt#1"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_text(SECRET)
    note_use(services.thread_pool, Caller(full_person.account_id, full_person.session_id))
    note_use(services.thread_pool, Caller(full_person.account_id))
    assert uses_of(services, full_person) == 2
    answer = erase(door, services, full_person)
    assert answer.status_code == 204, answer.text
    assert traces_in(dumped(services.settings.conninfo()).lower(), traces) == []
    media = Path(services.settings.data_dir) / "media"
    assert not [path for path in media.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert uses_of(services, full_person) == 0
    assert list(verify_log(services.settings.conninfo())) == []
    assert door.get(f"{V1}/settings/", headers=full_person.headers).json() == {"detail": "Invalid token."}
    again = {"username": full_person.username, "email": full_person.email, "password": PASSWORD}
    assert door.post(f"{V1}/auth/register/", json=again).status_code == 201


def test_a_file_store_that_is_away_holds_an_erasure_up_only_as_far_as_files_go(
    door: httpx.Client, services: Services, full_person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise BlobStoreUnavailable("away")

    traces = [SECRET, full_person.email, full_person.username]
    with monkeypatch.context() as patched:
        patched.setattr(Blobs, "delete_now", away)
        assert erase(door, services, full_person).status_code == 204
        assert traces_in(dumped(services.settings.conninfo()).lower(), traces) == []
        # What the reactor finds of a stream whose words are overwritten.
        stored = services.log.recorder.select_events(f"account-{full_person.account_id}", desc=True, limit=1)
        event = services.log.mapper.to_domain_event(stored[0])
        assert isinstance(event, Event)
        requested = Recorded(1, event, b"{}")
        with pytest.raises(TryLater):
            ERASURE.react(requested, services)
    folder = f"user_upload/user_{full_person.account_id}"
    assert list(services.blobs.list_now(folder)) != []
    ERASURE.react(requested, services)
    assert list(services.blobs.list_now(folder)) == []


def uses_of(services: Services, person: Person) -> int:
    """How many of the account's sessions and keys are noted as used."""
    tables = ("log.session_uses", "log.api_key_uses")
    with psycopg.connect(services.settings.conninfo()) as connection:
        found = [connection.execute(f"SELECT FROM {table} WHERE account_id = %s".encode(), (person.account_id,)) for table in tables]
        return sum(cursor.rowcount for cursor in found)


def test_mails_in_the_outbox_go_with_their_account(door: httpx.Client, services: Services, full_person: Person) -> None:
    bystander = make_person(services)
    assert door.post(f"{V1}/auth/password-reset/", json={"email": bystander.email}).status_code == 200
    assert len(codes_for(services, bystander.email)) == 1
    assert erase(door, services, full_person).status_code == 204
    outbox = Path(services.settings.outbox)
    left = "".join(path.read_text() for path in outbox.iterdir())
    for trace in (full_person.email, full_person.username):
        assert trace.lower() not in left.lower()
    assert bystander.email in left


def test_mail_that_is_being_delivered_goes_with_its_account(services: Services, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    services.mails.queue(person.account_id, Mail(person.email, "Hello", "Late words\n"))

    def write_slowly(folder: Path, mail_id: int, account_id: int, message: EmailMessage) -> Path:
        erase_account(services, account_id)
        return write_mail(folder, mail_id, account_id, message)

    monkeypatch.setattr("reactors.mail.write_mail", write_slowly)
    services.commands.run(lambda work: request(work, person), Context(actor=person.account_id, channel="web"))
    MailSender(services.mails, services.settings).deliver_all()
    assert not [path for path in Path(services.settings.outbox).iterdir() if "Late words" in path.read_text()]


def request(work: Work[Lookups], person: Person) -> None:
    """Shuts the account for its erasure."""
    account = work.find(Account, person.account_id)
    assert account is not None
    account.trigger(AccountErasureRequested, work.context.now, code_id="none")


def test_an_account_that_is_being_erased_is_not_opened_again(door: httpx.Client, services: Services, person: Person) -> None:
    context = Context(actor=None, channel="cli")
    services.commands.run(lambda work: request(work, person), context)
    for act in (disable, enable):
        with pytest.raises(Conflict, match="being erased"):
            services.commands.run(lambda work, act=act: act(work, person.username).number, context)  # type: ignore[misc]
    assert door.post(f"{V1}/auth/login/", json={"email": person.email, "password": PASSWORD}).status_code == 400
    services.commands.run(lambda work: promote(work, person.username, is_staff=True, is_superuser=True).number, context)
    named = Administrator(username=person.username, email=person.email, password=PASSWORD)
    assert ensure_administrator(services.commands, named) == Ensured("name taken")


def test_what_others_wrote_stays(door: httpx.Client, services: Services, person: Person) -> None:
    author = make_person(services)
    course = door.post(f"{V1}/courses/", json={"title": "Shared"}, headers=author.headers).json()
    assert door.post(f"{V1}/courses/{course['id']}/subscribe/", headers=person.headers).status_code in (200, 201)
    body = {"title": "Mine", "content": "stays", "course_id": course["id"]}
    note = door.post(f"{V1}/notes/", json=body, headers=person.headers).json()
    assert erase(door, services, author).status_code == 204
    kept = door.get(f"{V1}/notes/{note['id']}/", headers=person.headers).json()
    assert kept["content"] == "stays"
    (inbox,) = [c for c in door.get(f"{V1}/courses/", headers=person.headers).json() if c["is_default"]]
    assert kept["course_id"] == inbox["id"]


def test_comments_of_others_stay_private_and_without_their_source(door: httpx.Client, services: Services, person: Person) -> None:
    author = make_person(services)
    source = door.post(f"{V1}/notes/", json={"title": "Source", "is_public": True}, headers=author.headers).json()
    comments = {}
    for somebody in (author, person):
        body = {"title": "c", "content": "stays", "note_type": "C", "is_public": True, "source_note_uuid": source["uuid"]}
        comments[somebody] = door.post(f"{V1}/notes/", json=body, headers=somebody.headers).json()["id"]
    assert erase(door, services, author).status_code == 204
    kept = door.get(f"{V1}/notes/{comments[person]}/", headers=person.headers).json()
    assert (kept["content"], kept["is_public"], kept["source_note_uuid"]) == ("stays", False, None)
    assert door.get(f"{V1}/notes/{comments[author]}/", headers=person.headers).status_code == 404


def test_kept_answers_of_others_show_nothing_of_an_erased_account(door: httpx.Client, services: Services, person: Person) -> None:
    author = make_person(services)
    course = door.post(f"{V1}/courses/", json={"title": SECRET, "description": SECRET}, headers=author.headers).json()["id"]

    def again(key: str) -> httpx.Response:
        headers = {**person.headers, "Idempotency-Key": key}
        if key == "follow":
            return door.post(f"{V1}/courses/{course}/subscribe/", headers=headers)
        return door.post(f"{V1}/notes/", json={"title": "Mine", "course_id": course if key == "theirs" else None}, headers=headers)

    for key in ("follow", "theirs", "own"):
        assert again(key).is_success
    assert SECRET in again("follow").text
    assert SECRET in again("theirs").text
    assert erase(door, services, author).status_code == 204
    assert traces_in(dumped(services.settings.conninfo()).lower(), [SECRET, author.username]) == []
    assert (again("follow").status_code, again("theirs").status_code) == (410, 410)
    assert again("own").status_code == 201


def test_erased_things_are_not_found(door: httpx.Client, services: Services, person: Person) -> None:
    gone = make_person(services)
    note = door.post(f"{V1}/notes/", json={"title": "Gone", "content": "x"}, headers=gone.headers).json()
    assert erase(door, services, gone).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        answer = door.request(method, f"{V1}/notes/{note['id']}/", json={"title": "y"}, headers=person.headers)
        assert answer.status_code == 404, answer.text


def test_erasing_needs_the_right_code(door: httpx.Client, person: Person) -> None:
    missing = door.request("DELETE", f"{V1}/auth/account/", headers=person.headers)
    assert list(missing.json()) == ["identity_code"]
    wrong = door.request("DELETE", f"{V1}/auth/account/", json={"identity_code": "000000"}, headers=person.headers)
    assert wrong.status_code == 400
    assert door.get(f"{V1}/settings/", headers=person.headers).status_code == 200


def test_erasing_again_changes_nothing(door: httpx.Client, services: Services, full_person: Person) -> None:
    assert erase(door, services, full_person).status_code == 204
    before = everything(services)
    erase_account(services, full_person.account_id)
    assert everything(services) == before


def test_every_kind_of_stream_that_belongs_to_somebody_is_erased_with_its_owner() -> None:
    """The account itself goes last; invitations and operations are nobody's."""
    for module in pkgutil.walk_packages(commands.__path__, "commands."):
        importlib.import_module(module.name)
    kinds = {aggregate.kind for aggregate in Aggregate.__subclasses__() if aggregate.__module__.startswith("commands.")}
    assert kinds - {"account", "invitation", "operation"} == set(KINDS)
    assert set(re.findall(r"SELECT \d(?: AS turn)?, '([a-z-]+)'", _OWNED)) == set(KINDS)


def slowly(body: bytes, meanwhile: Callable[[], httpx.Response]) -> Iterator[bytes]:
    """The body in two halves, and what succeeds between them."""
    yield body[: len(body) // 2]
    assert meanwhile().status_code == 204
    yield body[len(body) // 2 :]


def long_note() -> bytes:
    """More than is read before it is known who sends it."""
    return json.dumps({"title": SECRET, "content": SECRET * 6000, "is_public": True}).encode()


def test_what_arrives_after_the_erasure_is_not_written(door: httpx.Client, services: Services, person: Person) -> None:
    content = slowly(long_note(), lambda: erase(door, services, person))
    answer = door.post(f"{V1}/notes/", content=content, headers={**person.headers, "Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid token."})
    assert traces_in(dumped(services.settings.conninfo()).lower(), [SECRET, person.username]) == []


def test_what_arrives_after_the_sign_out_is_not_written(door: httpx.Client, person: Person) -> None:
    note = door.post(f"{V1}/notes/", json={"title": "x"}, headers=person.headers).json()
    request = httpx.Request("POST", door.base_url, files={"file": ("a.txt", b"x" * 100_000)})
    sent = {
        ("PATCH", f"{V1}/notes/{note['id']}/"): (long_note(), "application/json"),
        ("POST", f"{V1}/notes/{note['id']}/attachments/"): (request.read(), request.headers["Content-Type"]),
    }
    for (method, path), (body, kind) in sent.items():
        login = door.post(f"{V1}/auth/login/", json={"email": person.email, "password": PASSWORD}).json()
        headers = {"Authorization": f"Token {login['token']}"}
        content = slowly(body, lambda headers=headers: door.post(f"{V1}/auth/logout/", headers=headers))  # type: ignore[misc]
        assert door.request(method, path, content=content, headers={**headers, "Content-Type": kind}).status_code == 401
    assert door.get(f"{V1}/notes/{note['id']}/", headers=person.headers).json()["title"] == "x"
    assert door.get(f"{V1}/notes/{note['id']}/attachments/", headers=person.headers).json() == []


@pytest.mark.parametrize("key", [None, "key"])
def test_a_command_under_way_writes_nothing_for_an_erased_account(services: Services, person: Person, key: str | None) -> None:
    def decide(work: Work[Lookups]) -> None:
        if key is None:
            create_course(work, person.account_id, CreateCourse(title=SECRET))
        services.commands.run(lambda work: request(work, person), Context(actor=person.account_id, channel="web"))
        erase_account(services, person.account_id)

    once = Once(person.account_id, key, b"", lambda *_: (200, SECRET.encode())) if key else None
    with pytest.raises(AccountGone):
        services.commands.run(decide, Context(actor=person.account_id, channel="web"), once=once)
    assert traces_in(dumped(services.settings.conninfo()).lower(), [SECRET, person.username]) == []


def test_an_erasure_waits_for_what_is_being_written(services: Services) -> None:
    conninfo = services.settings.conninfo()
    with psycopg.connect(conninfo) as before, psycopg.connect(conninfo) as after, ThreadPoolExecutor(1) as thread:
        before.execute("SELECT log.guard(NULL)")
        waiting = thread.submit(await_writers, services.thread_pool)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        after.execute("SELECT log.guard(NULL)")
        before.commit()
        waiting.result(10)
