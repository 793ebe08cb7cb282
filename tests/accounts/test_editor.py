"""The editor's flows against the running server, as written in the contract (clients 3 and 9)."""

from __future__ import annotations

import email
import email.policy
import http.client
import io
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.accounts.editor import Editor, Failure, is_id
from tests.accounts.mailbox import code_in
from tests.accounts.provider import Profile, Provider, provider_settings
from tests.door.serving import serving
from tests.running.folders import used_folder
from tests.running.server import Running, eventually

PASSWORD, NEW_PASSWORD = "Correct-horse-7", "Another-horse-8"
TEXT = "text/plain; charset=utf-8"
REDIRECT = "https://notes.example.org/auth/github/callback"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
numbers = count(1)


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
def running(provider: Provider, served_folder: Path) -> Iterator[Running]:
    with serving(provider.app()) as client, used_folder(served_folder) as folder:
        chosen = {f"NOTECHONDRIA_{name.upper()}": value for name, value in provider_settings(client.base_url).items()}
        started = Running(folder, **chosen)
        try:
            yield started
        finally:
            started.end()


@pytest.fixture
def editor(running: Running) -> Editor:
    """A fresh installation, whose settings are stamped with the time of its first start."""
    fresh = Editor(f" {running.address}/api/ ", agent=WINDOWS)
    assert fresh.handshake()
    fresh.settings = {
        "theme_preset": "rose", "theme_mode": "D", "api_base_url": f"{running.address}/api/v1", "log_preferences": {"level": "Info"},
        "updated_at": "2026-04-24T08:00:00.123456Z",
    }  # fmt: skip
    return fresh


def mailed(running: Running, address: str, before: int = 0) -> str:
    """The code of the newest mail to the address, once there are more than so many."""

    def codes() -> list[str]:
        mails = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in sorted(outbox.glob("*.eml"))]
        return [code for mail in mails if mail["To"] == address and (code := code_in(str(mail.get_content())))]

    outbox = running.folder / "outbox"
    eventually(lambda: len(codes()) > before)
    return codes()[-1]


def register(editor: Editor, running: Running) -> str:
    """The wizard from the invitation step to the signed-in editor; the address."""
    name = f"mira{next(numbers)}"
    address = f"{name}@example.org"
    invited = editor.call("POST", "/auth/validate-invitation/", {"invitation_code": ""})
    assert (invited["required"], invited["valid"]) == (False, True)
    told = editor.call("POST", "/auth/register/", {"username": name, "email": address, "password": PASSWORD})
    assert isinstance(told["message"], str)
    editor.call("POST", "/auth/verify-email/", {"email": address, "code": mailed(running, address)})
    editor.signed_in(editor.call("POST", "/auth/login/", {"email": address, "password": PASSWORD}))
    return address


def test_wizard_signs_in_with_the_mailed_code(editor: Editor, running: Running) -> None:
    address = "wizard@example.org"
    editor.call("POST", "/auth/validate-invitation/", {"invitation_code": ""})
    editor.call("POST", "/auth/register/", {"username": "wizard", "email": address, "password": PASSWORD})
    with pytest.raises(Failure, match="less than 60 seconds"):
        editor.call("POST", "/auth/resend-verification/", {"email": address})
    editor.signed_in(editor.call("POST", "/auth/verify-email/", {"email": address, "code": mailed(running, address)}))
    assert editor.user["username"] == "wizard"
    assert editor.user["image_url"].startswith(f"{running.address}/media/")
    assert editor.token is not None


def test_session_is_restored_until_it_is_revoked_elsewhere(editor: Editor, running: Running) -> None:
    address = register(editor, running)
    assert editor.restore()
    phone = Editor(editor.typed, agent="Dart/3.3 (dart:io) iPhone")
    payload = phone.call("POST", "/auth/login/", {"email": address, "password": PASSWORD})
    assert payload["multi_device"] is True
    phone.signed_in(payload)
    listed = phone.call("GET", "/auth/sessions/")
    assert all(is_id(row["id"]) for row in listed["sessions"])
    assert listed["current_session_id"] == payload["session"]["id"]
    (current,) = [row for row in listed["sessions"] if row["is_current"]]
    assert current["device_label"] == "iPhone"
    desktops = [row["id"] for row in listed["sessions"] if "windows" in (row["device_label"] + row["user_agent"]).lower()]
    assert len(desktops) == 2
    for session_id in desktops:
        assert phone.call("DELETE", f"/auth/sessions/{session_id}/") == {}
    with pytest.raises(Failure, match=r"Session rejected: Invalid token\."):
        editor.call("GET", "/courses/")
    editor.bootstrap()
    assert editor.token is None, "two refusals tell that the session is dead"
    assert not editor.restore()
    assert phone.call("POST", "/auth/logout/") == {}
    assert not phone.restore()


def test_probe_of_anything_is_no_error(editor: Editor) -> None:
    for token in (None, "x", "0" * 40, "ntc_" + "0" * 32):
        editor.token = token
        assert editor.call("GET", "/auth/session/") == {"authenticated": False}


def test_password_changes_although_its_json_is_labelled_as_text(editor: Editor, running: Running) -> None:
    address = register(editor, running)
    old = editor.token
    told = editor.call("POST", "/auth/send-identity-code/")
    assert isinstance(told, dict)
    sent = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "identity_code": mailed(running, address, 1)}
    changed = editor.call("POST", "/auth/change-password/", sent, label=TEXT)
    assert editor.call("GET", "/settings/", token=changed["token"])["email"] == address
    editor.token = changed["token"]
    assert editor.restore()
    editor.token = old
    assert not editor.restore()


def test_address_changes_although_its_json_is_labelled_as_text(editor: Editor, running: Running) -> None:
    address = register(editor, running)
    editor.call("POST", "/auth/send-identity-code/")
    moved = f"new.{address}"
    first = {"new_email": moved, "identity_code": mailed(running, address, 1)}
    assert isinstance(editor.call("POST", "/auth/change-email/", first, label=TEXT), dict)
    second = {"new_email": moved, "code": mailed(running, moved)}
    assert isinstance(editor.call("POST", "/auth/change-email/", second, label=TEXT), dict)
    assert editor.call("GET", "/settings/")["email"] == moved
    assert editor.restore()


def test_forgotten_password_is_reset(editor: Editor, running: Running) -> None:
    address = register(editor, running)
    assert isinstance(editor.call("POST", "/auth/password-reset/", {"email": address})["message"], str)
    sent = {"email": address, "code": mailed(running, address, 1), "password": NEW_PASSWORD}
    assert isinstance(editor.call("POST", "/auth/password-reset/confirm/", sent)["message"], str)
    assert not editor.restore()
    editor.signed_in(editor.call("POST", "/auth/login/", {"email": address, "password": NEW_PASSWORD}))
    with pytest.raises(Failure) as unknown:
        editor.call("POST", "/auth/password-reset/", {"email": "nobody@example.org"})
    assert str(unknown.value).startswith("email: ")


def test_api_key_is_shown_once(editor: Editor, running: Running) -> None:
    register(editor, running)
    made = editor.call("POST", "/auth/rotate-api-key/")
    assert made["api_key"].startswith(made["api_key_prefix"])
    settings = editor.call("GET", "/settings/")
    assert settings["api_key_prefix"] == made["api_key_prefix"]
    assert made["api_key"] not in str(settings)
    # Both bodies of a call without anything to say are taken.
    assert editor.call("POST", "/auth/rotate-api-key/", {})["api_key"] != made["api_key"]


def test_provider_signs_in_binds_and_unbinds(editor: Editor, running: Running, provider: Provider) -> None:
    config = editor.call("GET", "/auth/oauth-config/")
    assert config["github"]["client_id"] == config["google"]["client_id"] == "client-7"
    stranger = Profile("501", login="stranger")
    code = provider.consent(stranger, REDIRECT)
    with pytest.raises(Failure, match="No account found"):
        editor.call("POST", "/auth/github/", {"code": code, "intent": "login", "redirect_uri": REDIRECT})
    code = provider.consent(stranger, REDIRECT)
    editor.signed_in(editor.call("POST", "/auth/github/", {"code": code, "intent": "register", "redirect_uri": REDIRECT}))
    assert editor.user["username"] == "stranger"
    with pytest.raises(Failure, match="only way"):
        editor.unlink("github")
    code = provider.consent(Profile("g-501"), "")
    assert isinstance(editor.call("POST", "/auth/bind/google/", {"code": code}), dict)
    assert {row["provider"] for row in editor.call("GET", "/auth/social-accounts/")} == {"github", "google"}
    assert editor.unlink("google") == {}
    assert [row["provider"] for row in editor.call("GET", "/auth/social-accounts/")] == ["github"]


def test_callback_page_hands_code_and_state_back_to_the_app(running: Running) -> None:
    connection = http.client.HTTPConnection(urlsplit(running.address).netloc, timeout=60)
    connection.request("GET", "/auth/github/callback?code=a%2Bb&state=github")
    answer = connection.getresponse()
    page = answer.read().decode()
    connection.close()
    assert (answer.status, answer.headers["referrer-policy"]) == (200, "no-referrer")
    assert "/Notechondria/editor/?code=a%2Bb&amp;state=github" in page


def test_profile_form_sends_what_changed_and_copies_the_whole_answer(editor: Editor, running: Running) -> None:
    address = register(editor, running)
    changed = editor.call("PATCH", "/settings/", {"motto": "Slow is smooth", "social_link": "https://example.org/~mira"})
    shown = {name: changed[name] for name in ("username", "email", "motto", "social_link", "image_url")}
    assert shown["motto"] == "Slow is smooth"
    assert shown["email"] == address
    moved = editor.call("PATCH", "/settings/", {"email": f"form.{address}", "username": f"{shown['username']}-renamed"})
    assert (moved["email"], moved["motto"]) == (f"form.{address}", "Slow is smooth")
    assert editor.restore()
    assert editor.user["username"].endswith("-renamed")
    with pytest.raises(Failure, match=r"^editor_mode: "):
        editor.call("PATCH", "/settings/", {"editor_mode": "M"})


def test_picture_is_judged_by_its_content_and_served_past_caches(editor: Editor, running: Running) -> None:
    register(editor, running)
    picture = io.BytesIO()
    Image.new("RGB", (30, 20), (1, 2, 3)).save(picture, "WEBP")
    found = editor.upload_avatar('my "best" – Bild.png', picture.getvalue())
    assert set(editor.call("GET", "/settings/")) == set(found)
    address = urlsplit(found["image_url"])
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    connection.request("GET", f"{address.path}?t=1777000000000")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (200, "image/webp")
    answer.read()
    connection.close()
    with pytest.raises(Failure, match=r"^avatar: Upload a valid image"):
        editor.upload_avatar("me.png", b"no picture")


def test_newer_settings_win_to_the_microsecond(editor: Editor, running: Running) -> None:
    address = register(editor, running)
    assert editor.settings["updated_at"] == "2026-04-24T08:00:00.123456+00:00"
    stored = editor.call("GET", "/settings/")
    assert stored["app_settings"]["log_preferences"] == {"level": "Info"}
    for name in ("theme_preset", "theme_mode", "api_base_url"):
        assert stored[name] == stored["app_settings"][name]
    assert stored["theme_mode"] == "D"
    # The same settings again are not newer: nothing is pushed, and the stamp stays.
    last_edit = stored["last_edit"]
    assert editor.restore()
    assert editor.call("GET", "/settings/")["last_edit"] == last_edit
    other = Editor(running.address)
    other.signed_in(other.call("POST", "/auth/login/", {"email": address, "password": PASSWORD}))
    assert (other.settings["theme_preset"], other.settings["log_preferences"]) == ("rose", {"level": "Info"})
    other.settings |= {"theme_mode": "L", "updated_at": "2026-04-24T08:00:00.123457Z"}
    assert other.restore()
    assert editor.restore()
    assert editor.settings["theme_mode"] == "L"


def test_new_account_keeps_its_address_of_the_api(running: Running) -> None:
    editor = Editor(running.address.replace("127.0.0.1", "localhost"))
    editor.settings = {}
    name = f"mira{next(numbers)}"
    editor.call("POST", "/auth/register/", {"username": name, "email": f"{name}@example.org", "password": PASSWORD})
    code = mailed(running, f"{name}@example.org")
    editor.signed_in(editor.call("POST", "/auth/verify-email/", {"email": f"{name}@example.org", "code": code}))
    assert editor.typed == f"http://localhost:{running.port}/api/v1"
