"""Commands decide on aggregates as their process remembers them; nothing of that may show."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from commands.accounts.aggregate import Account
from commands.context import Context, Glimpse, utc_now
from commands.errors import Declined
from commands.handling import Handling, Work
from commands.lookups import Lookups
from eventstore.application import Log
from eventstore.events import accounts
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


def test_a_refusal_is_never_founded_on_something_out_of_date(services: Services, elsewhere: Handling[Lookups]) -> None:
    number = services.commands.run(_create, CONTEXT).result
    services.commands.run(_rename(number, "second"), CONTEXT)
    elsewhere.run(_rename(number, "third"), CONTEXT)
    assert services.commands.run(_rename(number, "second"), _just_before(number, 2)).result == "third"


def test_a_decision_without_events_sees_what_happened_elsewhere(services: Services, elsewhere: Handling[Lookups]) -> None:
    number = services.commands.run(_create, CONTEXT).result
    elsewhere.run(_rename(number, "third"), CONTEXT)
    assert services.commands.run(_name(number), _just_before(number, 1)).result == "third"
