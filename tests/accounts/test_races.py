"""Many callers at the same moment, over HTTP, on two workers: one of them wins, the others hear what late ones hear."""

from __future__ import annotations

import email
import email.policy
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest

from commands.context import Context
from commands.invitations import create_invitation
from settings import load_settings
from tests.accounts.mailbox import code_in
from tests.accounts.provider import Profile, Provider, provider_settings
from tests.door.serving import serving
from tests.running.folders import used_folder
from tests.running.server import Running, eventually
from wiring import opened_services

AUTH = "/api/v1/auth"
SETTINGS = "/api/v1/settings/"
PASSWORD = "Correct-horse-7"
CALLERS = 25
numbers = count(1)


@dataclass(frozen=True)
class Crowd:
    """A running server, a provider of identities, and a connection for each of many callers."""

    running: Running
    provider: Provider
    lines: list[httpx.Client]

    @property
    def http(self) -> httpx.Client:
        return self.lines[0]

    def at_once(
        self, method: str, path: str, sent: Callable[[int], tuple[dict[str, Any] | None, str]], many: int = CALLERS
    ) -> list[httpx.Response]:
        """What each of the callers got; sent: the number of the caller -> its body and its Authorization."""
        together = Barrier(many)

        def one(number: int) -> httpx.Response:
            body, authorization = sent(number)
            headers = {"Authorization": authorization} if authorization else {}
            request = self.lines[number].build_request(method, path, json=body, headers=headers)
            together.wait()
            return self.lines[number].send(request)

        with ThreadPoolExecutor(many) as threads:
            return list(threads.map(one, range(many)))

    def invite(self, code: str, max_uses: int) -> None:
        """Makes an invitation."""
        with opened_services(load_settings(data_dir=self.running.folder)) as services:
            digest = services.proofs.digest(code)
            services.commands.run(
                lambda work: create_invitation(work, digest, label="", max_uses=max_uses, expires_at=None),
                Context(actor=None, channel="cli"),
            )

    def codes(self, address: str) -> list[str]:
        """The codes mailed to the address so far, oldest first."""
        return [code for text in self._texts(address) if (code := code_in(text))]

    def codes_of(self, address: str, names: list[str]) -> list[str]:
        """The newest codes mailed to the address on behalf of these accounts, in their order, once there is one for each."""
        eventually(lambda: self._by_account(address).keys() >= set(names))
        found = self._by_account(address)
        return [found[name] for name in names]

    def code(self, address: str) -> str:
        """The newest of them, once there is one."""
        eventually(lambda: bool(self.codes(address)))
        return self.codes(address)[-1]

    def _by_account(self, address: str) -> dict[str, str]:
        lines = [dict(line.split(": ", 1) for line in text.splitlines() if ": " in line) for text in self._texts(address)]
        return {fields["Account"]: fields["Code"] for fields in lines if "Code" in fields}

    def _texts(self, address: str) -> list[str]:
        """The texts of the mails to the address, oldest first."""
        files = sorted((self.running.folder / "outbox").glob("*.eml"))
        mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        return [str(mail.get_content()) for mail in mails if mail["To"] == address]


@dataclass(frozen=True)
class Member:
    """Somebody signed in."""

    name: str
    email: str
    token: str


@pytest.fixture(scope="module")
def crowd(served_folder: Path) -> Iterator[Crowd]:
    provider = Provider()
    with serving(provider.app()) as client, used_folder(served_folder) as folder:
        chosen = {f"NOTECHONDRIA_{name.upper()}": value for name, value in provider_settings(client.base_url).items()}
        running = Running(folder, NOTECHONDRIA_RATE_LIMITS="off", **chosen)
        lines = [httpx.Client(base_url=running.address, timeout=60) for _ in range(CALLERS)]
        try:
            yield Crowd(running, provider, lines)
        finally:
            for line in lines:
                line.close()
            running.end()


def join(crowd: Crowd) -> Member:
    """Signs somebody new in, with an identity of the provider: that needs neither mail nor hashing."""
    number = next(numbers)
    profile = Profile(f"joined-{number}", email=f"member{number}@example.org")
    answer = crowd.http.post(f"{AUTH}/google/", json={"code": crowd.provider.consent(profile)})
    assert answer.status_code == 200, answer.text
    return Member(answer.json()["user"]["username"], profile.email, f"Token {answer.json()['token']}")


def identity_code(crowd: Crowd, member: Member) -> str:
    assert crowd.http.post(f"{AUTH}/send-identity-code/", headers={"Authorization": member.token}).status_code == 200
    return crowd.code(member.email)


def told(answers: list[httpx.Response]) -> dict[Any, int]:
    """How many got which status and which fields."""
    return Counter((answer.status_code, *sorted(answer.json())) if answer.is_client_error else answer.status_code for answer in answers)


def one_won(answers: list[httpx.Response], field: str) -> bool:
    """Whether a code was good for one; too many who come with a used one are asked to wait."""
    found = told(answers)
    return found.pop(200, 0) == 1 and set(found) <= {(400, field), (429, "detail")}


def test_one_name_is_registered_once(crowd: Crowd) -> None:
    answers = crowd.at_once(
        "POST",
        f"{AUTH}/register/",
        lambda n: ({"username": ("Wanted", "wanted")[n % 2], "email": f"w{n}@example.org", "password": PASSWORD}, ""),
    )
    assert told(answers) == {201: 1, (400, "username"): CALLERS - 1}


def test_pending_address_is_taken_over_by_everybody_and_belongs_to_one_account(crowd: Crowd) -> None:
    address = "crowded@example.org"
    answers = crowd.at_once(
        "POST", f"{AUTH}/register/", lambda n: ({"username": f"crowded{n}", "email": address, "password": PASSWORD}, "")
    )
    assert told(answers) == {201: CALLERS}
    code = crowd.code(address)
    verified = crowd.at_once("POST", f"{AUTH}/verify-email/", lambda _: ({"email": address, "code": code}, ""))
    assert one_won(verified, "non_field_errors")
    late = crowd.http.post(f"{AUTH}/register/", json={"username": "crowded-late", "email": address, "password": PASSWORD})
    assert told([late]) == {(400, "email"): 1}


def test_rotations_leave_one_key(crowd: Crowd) -> None:
    member = join(crowd)
    answers = crowd.at_once("POST", f"{AUTH}/rotate-api-key/", lambda _: (None, member.token))
    assert told(answers) == {200: CALLERS}
    keys = [answer.json()["api_key"] for answer in answers]
    assert len(set(keys)) == CALLERS
    good = [key for key in keys if crowd.http.get(SETTINGS, headers={"Authorization": f"Bearer {key}"}).status_code == 200]
    [key] = good
    assert crowd.http.get(SETTINGS, headers={"Authorization": member.token}).json()["api_key_prefix"] == key[:8]


def test_identity_code_asks_for_one_address_and_its_code_moves_there_once(crowd: Crowd) -> None:
    member = join(crowd)
    code = identity_code(crowd, member)
    path = f"{AUTH}/change-email/"
    asked = crowd.at_once("POST", path, lambda n: ({"new_email": f"{n}.{member.email}", "identity_code": code}, member.token))
    assert one_won(asked, "detail")
    new = next(answer.json()["email"] for answer in asked if answer.is_success)
    digits = crowd.code(new)
    moved = crowd.at_once("POST", path, lambda _: ({"new_email": new, "code": digits}, member.token))
    assert one_won(moved, "non_field_errors")
    assert crowd.http.get(SETTINGS, headers={"Authorization": member.token}).json()["email"] == new


def test_address_that_many_have_confirmed_goes_to_one(crowd: Crowd) -> None:
    members, wanted = [join(crowd) for _ in range(20)], "everybodys@example.org"
    sent = crowd.at_once("POST", f"{AUTH}/send-identity-code/", lambda n: (None, members[n].token), len(members))
    assert told(sent) == {200: len(members)}
    proofs = [crowd.code(member.email) for member in members]
    path = f"{AUTH}/change-email/"
    asked = crowd.at_once("POST", path, lambda n: ({"new_email": wanted, "identity_code": proofs[n]}, members[n].token), len(members))
    assert told(asked) == {200: len(members)}
    codes = crowd.codes_of(wanted, [member.name for member in members])
    moved = crowd.at_once("POST", path, lambda n: ({"new_email": wanted, "code": codes[n]}, members[n].token), len(members))
    assert told(moved) == {200: 1, (400, "non_field_errors"): len(members) - 1}


def test_name_and_address_of_the_settings_go_to_one(crowd: Crowd) -> None:
    members = [join(crowd) for _ in range(CALLERS)]
    body = {"username": "Everybodys-Name", "email": "everybodys.form@example.org"}
    answers = crowd.at_once("PATCH", SETTINGS, lambda n: (body, members[n].token))
    found = told(answers)
    assert found.pop(200) == 1
    assert set(found) <= {(400, "username"), (400, "email"), (400, "email", "username")}


def test_reset_is_mailed_once_and_its_code_sets_one_password(crowd: Crowd) -> None:
    member = join(crowd)
    asked = crowd.at_once("POST", f"{AUTH}/password-reset/", lambda n: ({"email": (member.email, f" {member.email.upper()}")[n % 2]}, ""))
    assert told(asked) == {200: CALLERS}
    code = crowd.code(member.email)
    path = f"{AUTH}/password-reset/confirm/"
    answers = crowd.at_once("POST", path, lambda n: ({"email": member.email, "code": code, "password": f"Other-horse-{n}"}, ""))
    assert one_won(answers, "non_field_errors")
    [winner] = [number for number, answer in enumerate(answers) if answer.is_success]
    login = {"email": member.email, "password": f"Other-horse-{winner}"}
    assert crowd.http.post(f"{AUTH}/login/", json=login).status_code == 200
    assert crowd.codes(member.email) == [code], "the cool-down is one for both workers and all spellings"


def test_wrong_tries_at_a_code_end_with_its_five(crowd: Crowd) -> None:
    member = join(crowd)
    assert crowd.http.post(f"{AUTH}/password-reset/", json={"email": member.email}).status_code == 200
    code = crowd.code(member.email)
    path = f"{AUTH}/password-reset/confirm/"
    body = {"email": member.email, "password": "Other-horse-1"}
    guesses = [f"{(int(code) + n) % 1_000_000:06d}" for n in range(1, CALLERS + 1)]
    answers = crowd.at_once("POST", path, lambda n: ({**body, "code": guesses[n]}, ""))
    assert {answer.status_code for answer in answers} <= {400, 429}
    assert crowd.http.post(path, json={**body, "code": code}).status_code in (400, 429)


def test_identity_of_the_provider_is_bound_to_one_account(crowd: Crowd) -> None:
    members, profile = [join(crowd) for _ in range(CALLERS)], Profile("4711", login="shared")
    codes = [crowd.provider.consent(profile) for _ in members]
    answers = crowd.at_once("POST", f"{AUTH}/bind/github/", lambda n: ({"code": codes[n]}, members[n].token))
    assert told(answers) == {201: 1, (409, "detail"): CALLERS - 1}


def test_account_that_binds_at_once_keeps_one_link_of_the_provider(crowd: Crowd) -> None:
    member = join(crowd)
    codes = [crowd.provider.consent(Profile(str(5000 + n), login=f"many{n}")) for n in range(20)]
    answers = crowd.at_once("POST", f"{AUTH}/bind/github/", lambda n: ({"code": codes[n]}, member.token), 20)
    assert told(answers) == {201: 1, 200: 19}
    links = crowd.http.get(f"{AUTH}/social-accounts/", headers={"Authorization": member.token}).json()
    assert [link["provider"] for link in links if link["provider"] == "github"] == ["github"]
    path = f"{AUTH}/social-accounts/github/"
    assert told(crowd.at_once("DELETE", path, lambda _: (None, member.token))) == {204: 1, (404, "detail"): CALLERS - 1}


def test_last_two_ways_in_are_not_both_unbound(crowd: Crowd) -> None:
    member = join(crowd)
    code = crowd.provider.consent(Profile("6000", login="two-ways"))
    assert crowd.http.post(f"{AUTH}/bind/github/", json={"code": code}, headers={"Authorization": member.token}).status_code == 201
    together = Barrier(2)

    def unlink(number: int) -> int:
        together.wait()
        path = f"{AUTH}/social-accounts/{('google', 'github')[number]}/"
        return crowd.lines[number].delete(path, headers={"Authorization": member.token}).status_code

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(unlink, range(2))) == [204, 400]


def test_session_is_revoked_and_left_by_many(crowd: Crowd) -> None:
    member = join(crowd)
    answers = crowd.at_once("POST", f"{AUTH}/logout/", lambda _: (None, member.token))
    found = told(answers)
    assert found.pop(204) >= 1
    assert set(found) <= {(401, "detail")}


def test_invitation_admits_as_many_as_it_says(crowd: Crowd) -> None:
    crowd.invite("Spring-class", 5)
    answers = crowd.at_once(
        "POST", f"{AUTH}/register/",
        lambda n: ({"username": f"invited{n}", "email": f"i{n}@example.org", "password": PASSWORD, "invitation_code": "Spring-class"}, ""),
    )  # fmt: skip
    assert told(answers) == {201: 5, (400, "invitation_code"): CALLERS - 5}
    tried = crowd.http.post(f"{AUTH}/validate-invitation/", json={"invitation_code": "Spring-class"})
    assert tried.json() == {"required": True, "valid": False}
    crowd.invite("Autumn-class", 3)
    codes = [crowd.provider.consent(Profile(f"autumn-{n}", email=f"autumn{n}@example.org")) for n in range(20)]
    signed_in = crowd.at_once("POST", f"{AUTH}/google/", lambda n: ({"code": codes[n], "invitation_code": "Autumn-class"}, ""), 20)
    assert told(signed_in) == {200: 3, (400, "invitation_code"): 17}
