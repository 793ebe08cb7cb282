"""Google and GitHub over HTTP, with a provider that speaks their protocol."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response

from api.app import THREADS
from commands.accounts.proofs import WRONG_INVITATIONS_OF_NETWORK
from commands.accounts.rules import shows_whole
from commands.context import Context
from commands.invitations import create_invitation
from settings import Settings, load_settings
from tests.accounts.mailbox import codes_for, texts_for
from tests.accounts.people import PASSWORD, Person, make_person
from tests.accounts.provider import CLIENT_ID, Profile, Provider, provider_settings
from tests.door.serving import serving
from wiring import Services

AUTH = "/api/v1/auth"
REDIRECT = "https://notes.example.org/auth/google/callback"


@pytest.fixture(scope="module")
def provider_of_module() -> Provider:
    return Provider()


@pytest.fixture
def provider(provider_of_module: Provider) -> Provider:
    provider_of_module.audience, provider_of_module.down, provider_of_module.page = CLIENT_ID, False, False
    provider_of_module.held = provider_of_module.odd = None
    return provider_of_module


@pytest.fixture(scope="module")
def settings(module_database_url: str, tmp_path_factory: pytest.TempPathFactory, provider_of_module: Provider) -> Iterator[Settings]:
    folder: Path = tmp_path_factory.mktemp("data")
    with serving(provider_of_module.app()) as client:
        yield load_settings(
            database_url=module_database_url,
            data_dir=folder,
            frontend_origin="https://app.example.org",
            google_redirect_uri=REDIRECT,
            superuser_username="Head-Office",
            superuser_password=PASSWORD,
            **provider_settings(client.base_url),
        )


def google(door: httpx.Client, provider: Provider, profile: Profile, **body: str) -> httpx.Response:
    code = provider.consent(profile, body.get("redirect_uri") or REDIRECT)
    return door.post(f"{AUTH}/google/", json={"code": code, **body})


def github(door: httpx.Client, provider: Provider, profile: Profile, **body: str) -> httpx.Response:
    return door.post(f"{AUTH}/github/", json={"code": provider.consent(profile, body.get("redirect_uri", "")), **body})


def headers_of(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Token {answer.json()['token']}"}


def test_new_identity_opens_an_account_with_starter_content(door: httpx.Client, provider: Provider) -> None:
    profile = Profile("g-1", "Nora.B+x@example.org", name="Nora  van Berg")
    answer = google(door, provider, profile)
    user = answer.json()["user"]
    assert (user["username"], user["first_name"], user["last_name"]) == ("Nora.B+x", "Nora", "van Berg")
    assert user["email"] == "nora.b+x@example.org"
    headers = headers_of(answer)
    (inbox,) = [course for course in door.get("/api/v1/courses/", headers=headers).json() if course["is_default"]]
    assert door.get(f"/api/v1/courses/{inbox['id']}/notes/", headers=headers).status_code in (200, 404)
    assert door.get(user["image_url"]).status_code == 200
    again = google(door, provider, profile, intent="login")
    assert again.json()["user"]["id"] == user["id"]
    assert again.json()["other_sessions_count"] == 1
    (link,) = door.get(f"{AUTH}/social-accounts/", headers=headers).json()
    assert {**link, "id": 0, "created_at": ""} == {
        "id": 0, "provider": "google", "provider_uid": "g-1", "email": "Nora.B+x@example.org", "created_at": "",
    }  # fmt: skip
    assert link["created_at"].endswith("Z")


def test_name_of_the_configured_administrator_is_not_given(door: httpx.Client, provider: Provider) -> None:
    answer = github(door, provider, Profile("78", "head@example.org", login="head-office"))
    assert answer.json()["user"]["username"] == "head-office_1"


def test_unknown_identity_is_told_when_it_only_wants_to_sign_in(door: httpx.Client, provider: Provider) -> None:
    answer = github(door, provider, Profile("77", "unknown@example.org", login="unknown"), intent="login")
    assert answer.status_code == 404
    assert "No account found" in answer.json()["detail"]
    assert answer.json()["code"] == "not_registered"


def test_binding_is_done_elsewhere(door: httpx.Client) -> None:
    for provider in ("google", "github"):
        answer = door.post(f"{AUTH}/{provider}/", json={"code": "x", "intent": "bind"})
        assert answer.status_code == 400
        assert f"/bind/{provider}/" in answer.json()["detail"]
    assert list(door.post(f"{AUTH}/github/", json={"intent": "other"}).json()) == ["code", "intent"]
    assert list(door.post(f"{AUTH}/google/", json={}).json()) == ["non_field_errors"]


def test_verified_address_links_to_the_account_and_its_holder_is_told(
    door: httpx.Client, services: Services, provider: Provider, person: Person
) -> None:
    answer = github(door, provider, Profile("101", person.email.upper(), login="someone"))
    assert answer.json()["user"]["id"] == person.account_id
    assert "GitHub identity" in texts_for(services, person.email)[-1]
    other = github(door, provider, Profile("102", person.email, login="another"))
    assert other.status_code == 409


@pytest.mark.parametrize("verified", [False, None, "false", 0, 1])
def test_address_that_the_provider_has_not_verified_links_to_nobody(
    door: httpx.Client, provider: Provider, person: Person, verified: object
) -> None:
    answer = google(door, provider, Profile(f"unverified-{verified}", person.email, verified=verified))
    user = answer.json()["user"]
    assert user["id"] != person.account_id
    assert user["email"] == ""
    assert user["username"].startswith("google_user")


def test_address_of_the_public_github_profile_proves_nothing(door: httpx.Client, provider: Provider, person: Person) -> None:
    answer = github(door, provider, Profile("103", "", login="sly", public_email=person.email))
    assert answer.json()["user"]["id"] != person.account_id
    assert answer.json()["user"]["username"] == "sly"


def test_address_set_without_proof_is_no_way_in(door: httpx.Client, provider: Provider, person: Person) -> None:
    squatted = f"squatted{person.account_id}@example.org"
    assert door.patch("/api/v1/settings/", json={"email": squatted}, headers=person.headers).status_code == 200
    answer = google(door, provider, Profile("g-squat", squatted))
    assert answer.status_code == 409


def test_reset_at_an_address_that_was_set_without_proof_leaves_no_other_way_in(
    door: httpx.Client, services: Services, provider: Provider, person: Person
) -> None:
    squatted, chosen = f"trojan{person.account_id}@example.org", "Owners-horse-9"
    planted = Profile("g-planted", "elsewhere@example.org")
    bound = door.post(f"{AUTH}/bind/google/", json={"code": provider.consent(planted, REDIRECT)}, headers=person.headers)
    assert bound.status_code == 201
    assert "Google identity was bound" in texts_for(services, person.email)[-1]
    key = door.post(f"{AUTH}/rotate-api-key/", headers=person.headers).json()["api_key"]
    address = door.post("/api/v1/calendar-addresses/", json={"label": "planted"}, headers=person.headers).json()["url"]
    assert door.get(address).status_code == 200
    door.patch("/api/v1/settings/", json={"email": squatted}, headers=person.headers)
    door.post(f"{AUTH}/password-reset/", json={"email": squatted})
    reset = {"email": squatted, "code": codes_for(services, squatted)[-1], "password": chosen}
    assert door.post(f"{AUTH}/password-reset/confirm/", json=reset).status_code == 200
    assert door.get("/api/v1/settings/", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert google(door, provider, planted, intent="login").status_code == 404
    assert door.get(address).status_code == 404
    assert door.post(f"{AUTH}/login/", json={"email": squatted, "password": chosen}).status_code == 200
    assert google(door, provider, Profile("g-owner", squatted)).json()["user"]["id"] == person.account_id


def test_pending_account_loses_the_password_that_somebody_else_chose(door: httpx.Client, services: Services, provider: Provider) -> None:
    email = "early@example.org"
    door.post(f"{AUTH}/register/", json={"username": "early", "email": email, "password": PASSWORD})
    answer = google(door, provider, Profile("g-early", email, name="Early Bird"))
    assert answer.json()["user"]["username"] == "early"
    assert door.post(f"{AUTH}/login/", json={"email": email, "password": PASSWORD}).status_code == 400
    code = codes_for(services, email)[0]
    assert door.post(f"{AUTH}/verify-email/", json={"email": email, "code": code}).status_code == 400


def test_disabled_account_is_not_revived(door: httpx.Client, services: Services, provider: Provider, person: Person) -> None:
    from commands.accounts import operators
    from commands.context import Context

    services.commands.run(lambda work: operators.disable(work, person.username).number, Context(actor=None, channel="cli"))
    answer = google(door, provider, Profile("g-disabled", person.email))
    assert answer.status_code == 400


def test_name_that_is_taken_gets_a_number(door: httpx.Client, provider: Provider, person: Person) -> None:
    first = github(door, provider, Profile("111", login=person.username.upper()))
    second = github(door, provider, Profile("112", login=person.username))
    assert first.json()["user"]["username"] == f"{person.username.upper()}_1"
    assert second.json()["user"]["username"] == f"{person.username}_2"


@pytest.mark.parametrize(
    ("uid", "login", "name"),
    [
        ("901", "seen\u034f\u3164", "seen"),
        ("902", "\u3164", "github_user"),
        ("903", "lou@example.org", "lou"),
        ("904", "d\u2800o.t\ufe0f", "do.t"),
    ],
)
def test_name_from_a_provider_hides_no_characters(door: httpx.Client, provider: Provider, uid: str, login: str, name: str) -> None:
    answer = github(door, provider, Profile(uid, "", login=login))
    assert answer.json()["user"]["username"].startswith(name)
    assert shows_whole(answer.json()["user"]["username"])


def test_one_identity_at_once_opens_one_account(door: httpx.Client, provider: Provider) -> None:
    profile = Profile("g-race", "race@example.org", name="Race")
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: google(door, provider, profile), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["user"]["id"] for answer in answers}) == 1


def test_many_identities_of_one_name_at_once_get_a_name_each(door: httpx.Client, provider: Provider) -> None:
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: github(door, provider, Profile(str(500 + n), login="crowd")), range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["user"]["username"] for answer in answers}) == 12


def test_code_is_spent_by_its_first_use(door: httpx.Client, provider: Provider) -> None:
    code = provider.consent(Profile("g-once", "once@example.org"), "https://elsewhere.example/")
    first = door.post(f"{AUTH}/google/", json={"code": code})
    assert first.status_code == 400
    assert "The code is not good." in first.json()["detail"]
    provider.codes[code] = (Profile("g-once"), REDIRECT)
    assert door.post(f"{AUTH}/google/", json={"code": code}).status_code == 400


@pytest.mark.parametrize("send", [google, github])
def test_one_of_many_uses_of_a_code_at_once_reaches_the_provider(
    door: httpx.Client, provider: Provider, send: Callable[..., httpx.Response]
) -> None:
    name = send.__name__
    code = provider.consent(Profile("7001", f"at-once-{name}@example.org", login="at-once"), REDIRECT if send is google else "")
    before = provider.exchanges
    with ThreadPoolExecutor(30) as threads:
        answers = list(threads.map(lambda _: door.post(f"{AUTH}/{name}/", json={"code": code}), range(30)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 29
    assert provider.exchanges == before + 1


@pytest.mark.parametrize("address", ["x" * 243 + "@example.org", "two words@example.org", "no-at-sign", "a@b@c\n"])
def test_address_that_no_account_could_have_counts_as_none(door: httpx.Client, provider: Provider, address: str) -> None:
    user = google(door, provider, Profile(f"g-{address[:20]}", address)).json()["user"]
    assert user["email"] == ""
    assert user["username"].startswith("google_user")


def test_redirect_address_of_the_request_is_handed_on(door: httpx.Client, provider: Provider) -> None:
    answer = github(door, provider, Profile("120", login="redirected"), redirect_uri="https://x.example/cb")
    assert answer.status_code == 200


def test_identity_token_has_to_be_ours(door: httpx.Client, provider: Provider) -> None:
    provider.tokens["id-token"] = Profile("g-token", "token@example.org")
    assert door.post(f"{AUTH}/google/", json={"id_token": "id-token"}).status_code == 200
    provider.audience = "somebody-else"
    refused = door.post(f"{AUTH}/google/", json={"id_token": "id-token"})
    assert refused.status_code == 400
    assert door.post(f"{AUTH}/google/", json={"id_token": "forged"}).status_code == 400


def test_provider_that_is_down_is_a_bad_gateway(door: httpx.Client, provider: Provider, person: Person) -> None:
    provider.down = True
    assert google(door, provider, Profile("g-down")).status_code == 502
    bound = door.post(f"{AUTH}/bind/github/", json={"code": "x"}, headers=person.headers)
    assert bound.status_code == 502
    assert "Backend.Creators.Auth/bind.github.token_exchange" in bound.json()["detail"]


def test_nobody_waits_for_a_provider_that_others_sign_in_with(door: httpx.Client, provider: Provider, person: Person) -> None:
    provider.held = threading.Event()
    with ThreadPoolExecutor(THREADS) as threads:
        signing_in = [threads.submit(google, door, provider, Profile(f"g-slow-{number}")) for number in range(THREADS)]
        try:
            assert all(provider.asked.acquire(timeout=20) for _ in signing_in)
            assert door.post("/api/v1/notes/", json={"title": "x"}, headers=person.headers, timeout=10).status_code == 201
        finally:
            provider.held.set()
        assert {answer.result().status_code for answer in signing_in} == {200}


def test_a_code_that_the_provider_never_saw_is_still_good(door: httpx.Client, provider: Provider) -> None:
    code = provider.consent(Profile("g-later", "later@example.org"), REDIRECT)
    provider.down = True
    assert door.post(f"{AUTH}/google/", json={"code": code}).status_code == 502
    provider.down = False
    assert door.post(f"{AUTH}/google/", json={"code": code}).status_code == 200


def test_halves_of_characters_in_a_profile_are_left_out(door: httpx.Client, provider: Provider) -> None:
    user = google(door, provider, Profile("g-half\ud83d", "half@example.org", name="A \ud83d B")).json()["user"]
    assert user["email"] == "half@example.org"
    assert google(door, provider, Profile("g-half-2", "half\ud83d@example.org")).json()["user"]["email"] == ""


def test_a_repeated_bind_is_answered_from_the_first(door: httpx.Client, provider: Provider, person: Person) -> None:
    code = provider.consent(Profile("909", login="once"))
    headers = {**person.headers, "Idempotency-Key": "bind-once"}
    first, second = (door.post(f"{AUTH}/bind/github/", json={"code": code}, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code, second.text) == (201, 201, first.text)
    assert door.post(f"{AUTH}/bind/github/", json={"code": code}, headers=person.headers).status_code == 400


def test_provider_that_answers_no_json_has_refused(door: httpx.Client, provider: Provider) -> None:
    provider.page = True
    answer = google(door, provider, Profile("g-page"))
    assert (answer.status_code, answer.json()) == (400, {"detail": "Google refused the code."})


@pytest.mark.parametrize("send", [google, github])
@pytest.mark.parametrize(
    ("odd", "status"),
    [
        (Response(b"not packed", headers={"Content-Encoding": "gzip"}), 502),
        (Response('{"access_token": "x", "token_type": null}', media_type="application/json"), 400),
        (Response('{"access_token": "\\ud83d", "token_type": "bearer"}', media_type="application/json"), 400),
    ],
)
def test_whatever_a_provider_answers_is_no_fault_of_this_server(
    door: httpx.Client, provider: Provider, send: Callable[..., httpx.Response], odd: Response, status: int
) -> None:
    provider.odd = odd
    answer = send(door, provider, Profile("7002", "odd@example.org"))
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])


def test_bind_switch_and_unbind(door: httpx.Client, services: Services, provider: Provider, person: Person) -> None:
    def bind(uid: str, who: Person = person) -> httpx.Response:
        code = provider.consent(Profile(uid, login="bound"))
        return door.post(f"{AUTH}/bind/github/", json={"code": code}, headers=who.headers)

    first = bind("201")
    assert first.status_code == 201, first.text
    assert first.json()["provider_uid"] == "201"
    assert bind("202").status_code == 200
    assert github(door, provider, Profile("202")).json()["user"]["id"] == person.account_id
    assert github(door, provider, Profile("201"), intent="login").status_code == 404
    stranger = make_person(services)
    taken = bind("202", stranger)
    assert taken.status_code == 409
    assert door.delete(f"{AUTH}/social-accounts/google/", headers=person.headers).json() == {"detail": "No google account linked."}
    assert door.delete(f"{AUTH}/social-accounts/github/", headers=person.headers).status_code == 204
    assert door.get(f"{AUTH}/social-accounts/", headers=person.headers).json() == []


def test_last_way_in_is_not_unbound(door: httpx.Client, provider: Provider) -> None:
    headers = headers_of(github(door, provider, Profile("301", login="onlyway")))
    answer = door.delete(f"{AUTH}/social-accounts/github/", headers=headers)
    assert answer.status_code == 400
    assert list(answer.json()) == ["detail"]


def test_config_names_the_client(door: httpx.Client) -> None:
    config = door.get(f"{AUTH}/oauth-config/").json()
    assert config == {
        "google": {"client_id": CLIENT_ID, "redirect_uri": REDIRECT},
        "github": {"client_id": CLIENT_ID, "redirect_uri": ""},
    }


def test_callback_hands_code_and_state_on(door: httpx.Client) -> None:
    page = door.get("/auth/google/callback?code=4/a%22%3C&state=google")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    target = "https://app.example.org/Notechondria/editor/?code=4%2Fa%22%3C"
    assert f'content="0;url={target}&amp;state=google"' in page.text
    assert f'window.location.replace("{target}\\u0026state=google")' in page.text


@pytest.mark.parametrize("query", ["error=%3Cscript%3Ealert(1)%3C/script%3E", "state=google", "", "error=&code=x", "code=%00&error=%ff"])
def test_callback_tells_failures_without_running_them(door: httpx.Client, query: str) -> None:
    page = door.get(f"/auth/github/callback?{query}")
    assert page.status_code == 200
    assert "Authentication failed" in page.text
    assert "<script" not in page.text


def test_wrong_invitations_shown_with_an_identity_count(door: httpx.Client, services: Services, provider: Provider) -> None:
    # From now on nobody of this module registers without an invitation.
    guard, network = WRONG_INVITATIONS_OF_NETWORK, "127.0.0.1"
    digest = services.proofs.digest("Rare")
    context = Context(actor=None, channel="cli")
    services.commands.run(lambda work: create_invitation(work, digest, label="", max_uses=1, expires_at=None), context)
    for _ in range(guard.limit - 1):
        services.proofs.guards.count(guard.name, network, guard.window)
    newcomer = Profile("909090", "invited@example.org", login="invited")
    wrong = github(door, provider, newcomer, invitation_code="wrong")
    assert (wrong.status_code, list(wrong.json())) == (400, ["invitation_code"])
    assert github(door, provider, newcomer, invitation_code="Rare").status_code == 429
    services.proofs.guards.clear(guard.name, network)
    assert github(door, provider, newcomer, invitation_code="Rare").status_code == 200
    # Who has an account needs none.
    assert github(door, provider, newcomer, invitation_code="wrong").status_code == 200
