"""Commands decide on aggregates as their process remembers them; nothing of that may show."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from commands.accounts.aggregate import Account
from commands.context import Context, Glimpse, utc_now
from commands.errors import Declined
from commands.handling import Handling, Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from eventstore.application import Log
from eventstore.events import accounts, notes
from projections.catalog import ALL_PROJECTIONS
from projections.inline import InlineProjections
from settings import load_settings
from wiring import Services, opened_services, prepare


@pytest.fixture
def services(database_url: str) -> Iterator[Services]:
    """One process's parts."""
    settings = load_settings(database_url=database_url)
    prepare(settings)
    with opened_services(settings) as services:
        yield services


@pytest.fixture
def elsewhere(services: Services) -> Iterator[Handling[Lookups]]:
    """Another process on the same store: it has a memory of its own."""
    log = Log(services.thread_pool)
    yield Handling(log, services.commands.lookups, InlineProjections(ALL_PROJECTIONS))
    log.close()


CONTEXT = Context(actor=None, channel="cli")


def _just_before(number: int, version: int) -> Context:
    """A request that has seen this version of the account's stream, and is overtaken before it decides."""
    return Context(actor=None, channel="cli", seen={f"account-{number}": Glimpse(version)})


def _create(work: Work[Lookups]) -> int:
    number = work.lookups.next_id("account")
    payload = {"username": "first", "email": "first@example.org", "password_hash": None}
    work.new(Account, number).trigger(accounts.AccountRegistered, utc_now(), **payload)
    return number


def _rename(number: int, name: str) -> Callable[[Work[Lookups]], str]:
    def decide(work: Work[Lookups]) -> str:
        account = work.find(Account, number)
        assert account is not None
        before = account.username
        if name == before:
            raise Declined("It is called that already.")
        account.trigger(accounts.UsernameChanged, utc_now(), username=name)
        return before

    return decide


def _note(content: str) -> Callable[[Work[Lookups]], int]:
    def decide(work: Work[Lookups]) -> int:
        number = work.lookups.next_id("note")
        payload = {
            "owner_id": 1,
            "uuid": f"00000000-0000-4000-8000-{number:012x}",
            "title": "",
            "description": None,
            "content": content,
            "metadata_json": "",
            "course_id": None,
            "is_public": False,
            "editor_mode": "P",
            "note_type": "N",
            "source_note_uuid": None,
            "client_draft_id": None,
        }
        work.new(Note, number).trigger(notes.NoteCreated, utc_now(), **payload)
        return number

    return decide


def _write(number: int, content: str) -> Callable[[Work[Lookups]], None]:
    def decide(work: Work[Lookups]) -> None:
        note = work.find(Note, number)
        assert note is not None
        note.write(content, utc_now())

    return decide


def _name(number: int) -> Callable[[Work[Lookups]], str]:
    def decide(work: Work[Lookups]) -> str:
        account = work.find(Account, number)
        assert account is not None
        return account.username

    return decide


def test_a_change_made_elsewhere_is_decided_upon(services: Services, elsewhere: Handling[Lookups]) -> None:
    number = services.commands.run(_create, CONTEXT).result
    services.commands.run(_rename(number, "second"), CONTEXT)
    elsewhere.run(_rename(number, "third"), CONTEXT)
    assert services.commands.run(_rename(number, "fourth"), _just_before(number, 2)).result == "third"


def test_nobody_decides_on_what_another_thread_is_still_taking_in(
    services: Services, elsewhere: Handling[Lookups], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = services.commands.run(_note("y" * 400), CONTEXT).result
    elsewhere.run(_write(number, "ABC" + "y" * 400), CONTEXT)
    events, arrived, go_on = services.log.repository.event_store, threading.Event(), threading.Event()
    read = events.get

    def paused(*args: Any, **options: Any) -> Iterator[Any]:
        yield from read(*args, **options)
        arrived.set()
        assert go_on.wait(10)

    monkeypatch.setattr(events, "get", paused)
    slow = threading.Thread(target=Work(services.log, services.commands.lookups, CONTEXT).find, args=(Note, number))
    slow.start()
    try:
        assert arrived.wait(10)
        monkeypatch.setattr(events, "get", read)
        wanted = "y" * 400 + "!"
        missed = services.log.recorder.select_events(f"note-{number}", gt=1)
        seen = Context(actor=None, channel="cli", seen={f"note-{number}": Glimpse(2, missed)})
        services.commands.run(_write(number, wanted), seen)
    finally:
        go_on.set()
        slow.join()
    elsewhere.log.repository.cache.drop(f"note-{number}")
    stored = Work(elsewhere.log, elsewhere.lookups, CONTEXT).find(Note, number)
    assert stored is not None
    assert stored.content == wanted


def test_what_was_read_to_catch_up_is_not_read_again(services: Services, elsewhere: Handling[Lookups]) -> None:
    number = services.commands.run(_create, CONTEXT).result
    elsewhere.run(_rename(number, "second"), CONTEXT)
    assert services.commands.run(_name(number), CONTEXT).result == "second"
    assert services.commands.remembered(f"account-{number}") == 2


def test_what_is_found_together_is_what_is_found_one_by_one(
    services: Services, elsewhere: Handling[Lookups], monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = [services.commands.run(_note(text), CONTEXT).result for text in ("current", "overtaken")]
    unknown = [elsewhere.run(_note(text), CONTEXT).result for text in ("short", "of many versions")]
    elsewhere.run(_write(remembered[1], "overtaken by this"), CONTEXT)
    for version in range(Note.snapshot_every):
        elsewhere.run(_write(unknown[1], f"version {version}"), CONTEXT)
    elsewhere.log.flush()
    numbers = [unknown[1], *remembered, unknown[0]]
    with monkeypatch.context() as patched:
        patched.setattr(services.log.repository, "get", None)
        together = Work(services.log, services.commands.lookups, CONTEXT).find_all(Note, [*numbers, numbers[0]])
    assert services.commands.remembered(f"note-{remembered[1]}") == 2
    alone = [Work(elsewhere.log, elsewhere.lookups, CONTEXT).find(Note, number) for number in numbers]
    assert [vars(note) for note in together] == [vars(note) for note in alone if note is not None]
    nobodys = services.commands.lookups.next_id("note")
    assert Work(services.log, services.commands.lookups, CONTEXT).find_all(Note, [nobodys]) == []


def test_earlier_versions_that_are_read_together_are_those_that_are_read_one_by_one(
    services: Services, elsewhere: Handling[Lookups], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [elsewhere.run(_note(text), CONTEXT).result for text in ("once", "of a few versions", "of many versions")]
    for number, versions in zip(numbers, (0, 5, 2 * Note.snapshot_every + 5), strict=True):
        for version in range(versions):
            elsewhere.run(_write(number, f"version {version}"), CONTEXT)
    elsewhere.log.flush()
    many = Note.snapshot_every
    wanted: dict[int | tuple[int, ...], tuple[int, ...]] = {
        numbers[0]: (0, 1, 7),
        numbers[1]: (6, 2, 3),
        numbers[2]: (many - 1, many, 2 * many + 3, many + 2, many + 1, 2 * many + 6),
    }
    pairs = [(number, version) for number, versions in wanted.items() for version in versions]
    work = Work(services.log, services.commands.lookups, CONTEXT)
    with monkeypatch.context() as patched:
        patched.setattr(services.log.repository, "get", None)
        work.read_ahead(Note, wanted)
        for number in numbers:
            note = work.find(Note, number)
            assert note is not None
            # What is decided meanwhile does not show in what was.
            note.write("decided", utc_now())
        together = [work.at(Note, *pair) for pair in pairs]
    alone = [Work(elsewhere.log, elsewhere.lookups, CONTEXT).at(Note, *pair) for pair in pairs]
    assert [note and vars(note) for note in together] == [note and vars(note) for note in alone]
    assert together[0] is None
    assert None not in together[1:]


def test_a_refusal_is_never_founded_on_something_out_of_date(services: Services, elsewhere: Handling[Lookups]) -> None:
    number = services.commands.run(_create, CONTEXT).result
    services.commands.run(_rename(number, "second"), CONTEXT)
    elsewhere.run(_rename(number, "third"), CONTEXT)
    assert services.commands.run(_rename(number, "second"), _just_before(number, 2)).result == "third"


def test_a_decision_without_events_sees_what_happened_elsewhere(services: Services, elsewhere: Handling[Lookups]) -> None:
    number = services.commands.run(_create, CONTEXT).result
    elsewhere.run(_rename(number, "third"), CONTEXT)
    assert services.commands.run(_name(number), _just_before(number, 1)).result == "third"
