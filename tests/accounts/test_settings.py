"""Settings over HTTP: fields, the apps' own object, pictures."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from eventstore.blobs import Blobs, BlobStoreUnavailable
from reactors.files import remove_strays
from tests.accounts.mailbox import texts_for
from tests.accounts.people import Person, make_person
from wiring import Services

SETTINGS = "/api/v1/settings/"
MEMBERS = {
    "username", "first_name", "last_name", "display_name", "email", "is_staff", "is_superuser", "motto", "social_link", "image_url",
    "editor_mode", "theme_preset", "theme_mode", "api_key_prefix", "mcp_skill_md", "api_key_last_used_at", "api_base_url", "app_settings",
    "app_settings_updated_at", "last_edit",
}  # fmt: skip


def patch(door: httpx.Client, person: Person, **fields: Any) -> httpx.Response:
    return door.patch(SETTINGS, json=fields, headers=person.headers)


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 200)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(out, kind)
    return out.getvalue()


def upload(door: httpx.Client, person: Person, name: str, content: bytes) -> httpx.Response:
    return door.patch(SETTINGS, files={"avatar": (name, content, "application/octet-stream")}, headers=person.headers)


def test_defaults(door: httpx.Client, person: Person) -> None:
    found = door.get(SETTINGS, headers=person.headers).json()
    base = str(door.base_url).rstrip("/") + "/api/v1"
    assert set(found) == MEMBERS
    assert (found["editor_mode"], found["theme_preset"], found["theme_mode"]) == ("P", "teal", "S")
    assert found["api_base_url"] == base
    assert found["app_settings"] == {"theme_preset": "teal", "theme_mode": "S", "api_base_url": base}
    assert found["app_settings_updated_at"] is None
    behind_proxy = door.get(SETTINGS, headers={**person.headers, "X-Forwarded-Host": "gateway", "X-Forwarded-Proto": "https"})
    assert behind_proxy.json()["api_base_url"] == "https://gateway/api/v1"


def test_every_field_changes_and_the_whole_is_answered(door: httpx.Client, person: Person) -> None:
    wanted = {
        "username": f"{person.username}.new", "first_name": " Mira ", "last_name": "Okafor", "motto": "m", "social_link": "https://x.org/a",
        "editor_mode": "G", "theme_preset": "unheard of", "theme_mode": "D", "api_base_url": "https://a.example/api/v1",
    }  # fmt: skip
    answer = patch(door, person, **wanted)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == MEMBERS
    assert answer.json() == door.get(SETTINGS, headers=person.headers).json()
    assert answer.json() | wanted | {"first_name": "Mira"} == answer.json()
    assert answer.json()["display_name"] == "Mira Okafor"
    assert answer.json()["app_settings"]["theme_mode"] == "D"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "admin\u034f"), ("username", "admin\u3164"), ("username", "admin\ufe0f"), ("username", "admin\u2800"),
        ("username", "\u115fadmin"), ("username", "ad\u200dmin"), ("username", "\u3164"),
        ("username", ""), ("username", "x" * 151), ("username", "a@b"), ("username", None), ("email", "nobody"), ("motto", "x" * 101),
        ("first_name", "x" * 151), ("first_name", None), ("first_name", ["a"]), ("social_link", "javascript:alert(1)"),
        ("social_link", "https://x.org/" + "y" * 250), ("editor_mode", "M"), ("theme_preset", ""), ("theme_preset", "x" * 33),
        ("theme_mode", "X"), ("api_base_url", "ftp://x"), ("api_base_url", "not an address"), ("app_settings", None),
        ("app_settings", {"theme_mode": "dark"}), ("app_settings", {"theme_preset": 7 * "x" * 10}), ("app_settings", {"a": "x" * 70000}),
        ("app_settings", {"api_base_url": None}), ("app_settings_updated_at", ""), ("app_settings_updated_at", "yesterday"),
        ("avatar", "text"), ("motto", "a\0b"),
    ],
)  # fmt: skip
def test_bad_value_names_its_field_and_nothing_changes(door: httpx.Client, person: Person, field: str, value: object) -> None:
    before = door.get(SETTINGS, headers=person.headers).json()
    answer = patch(door, person, **{"last_name": "Changed", field: value})
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == [field]
    assert door.get(SETTINGS, headers=person.headers).json() == before


def test_app_settings_are_merged_and_the_stamp_comes_back_as_sent(door: httpx.Client, person: Person) -> None:
    first = patch(
        door, person, app_settings={"log_preferences": {"level": "Info", "x": 1}, "theme_mode": "L"},
        app_settings_updated_at="2026-03-22T12:00:00.123456Z",
    ).json()  # fmt: skip
    assert first["theme_mode"] == "L"
    assert first["app_settings_updated_at"] == "2026-03-22T12:00:00.123456+00:00"
    second = patch(
        door, person, app_settings={"log_preferences": {"level": "Debug"}, "theme_mode": "L", "\x1a": "\\u001a"}, theme_mode="D",
        app_settings_updated_at="2020-01-01T01:00:00+01:00",
    ).json()  # fmt: skip
    assert second["app_settings"]["log_preferences"] == {"level": "Debug"}
    assert second["app_settings"]["\x1a"] == "\\u001a"
    assert second["app_settings"]["theme_mode"] == second["theme_mode"] == "D"
    assert second["app_settings_updated_at"] == "2020-01-01T00:00:00+00:00"
    stamp_alone = patch(door, person, app_settings_updated_at="2027-01-01T00:00:00Z").json()
    assert stamp_alone == second
    no_object = patch(door, person, app_settings=[1], app_settings_updated_at="2028-01-01T00:00:00Z").json()
    assert no_object["last_edit"] > second["last_edit"]
    assert no_object == {**second, "app_settings_updated_at": "2028-01-01T00:00:00+00:00", "last_edit": no_object["last_edit"]}
    now = patch(door, person, theme_preset="rose", app_settings_updated_at=None).json()
    assert now["app_settings_updated_at"] > "2026-01-01"


def test_app_settings_in_a_form_are_json_text(door: httpx.Client, person: Person) -> None:
    good = door.patch(SETTINGS, data={"app_settings": '{"offline_mode": true}'}, headers=person.headers)
    assert good.json()["app_settings"]["offline_mode"] is True
    bad = door.patch(SETTINGS, data={"app_settings": "{"}, headers=person.headers)
    assert bad.json() == {"app_settings": ["Value must be valid JSON."]}


def test_taken_names_and_addresses_are_refused_in_any_spelling(door: httpx.Client, services: Services, person: Person) -> None:
    other = make_person(services)
    answer = patch(door, person, username=other.username.upper(), email=other.email.upper())
    assert answer.status_code == 400
    assert set(answer.json()) == {"username", "email"}
    assert patch(door, person, username=person.username.upper()).status_code == 200


def test_one_of_many_gets_the_name(door: httpx.Client, services: Services) -> None:
    people = [make_person(services) for _ in range(12)]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda person: patch(door, person, username="Wanted-Name", email="wanted@example.org"), people))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 11
    assert all(set(answer.json()) <= {"username", "email"} for answer in answers if answer.status_code == 400)


def test_address_of_the_form_changes_and_the_old_one_is_told(door: httpx.Client, services: Services, person: Person) -> None:
    changed = patch(door, person, email=f"Form.{person.email}")
    assert changed.json()["email"] == f"form.{person.email}"
    assert f"form.{person.email}" in texts_for(services, person.email)[-1]


def test_address_that_nobody_proved_is_told_nothing(door: httpx.Client, services: Services, person: Person) -> None:
    stranger = f"stranger.{person.email}"
    for address in (stranger, person.email, stranger, f"other.{person.email}"):
        assert patch(door, person, email=address).status_code == 200
    assert texts_for(services, stranger) == []
    assert len(texts_for(services, person.email)) == 1


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "me.png"), ("JPEG", "me.JPG"), ("WEBP", "me.webp"), ("PNG", "lies.jpg"), ("GIF", "me.gif")]
)
def test_picture_gets_a_new_address_each_time(door: httpx.Client, person: Person, kind: str, name: str) -> None:
    first = upload(door, person, name, picture(kind))
    assert first.status_code == 200, first.text
    second = upload(door, person, name, picture(kind, (2000, 1000)))
    assert second.json()["image_url"] != first.json()["image_url"]
    served = door.get(second.json()["image_url"] + "?t=1")
    assert served.headers["content-type"].startswith("image/")
    assert Image.open(io.BytesIO(served.content)).size == (1024, 512)
    assert door.get(first.json()["image_url"]).status_code == 404


def test_picture_loses_what_it_told_about_its_place(door: httpx.Client, person: Person) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    out = io.BytesIO()
    Image.new("RGB", (40, 20)).save(out, "JPEG", exif=exif, comment=b"secret place")
    served = door.get(upload(door, person, "me.jpg", out.getvalue()).json()["image_url"]).content
    assert b"taken at home" not in served
    assert b"secret place" not in served


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("me.png", b""), ("me.png", b"no picture"), ("me.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ("me", picture()),
        ("me.exe", picture()), ("me.png", picture()[:60]), ("me.png", picture("BMP")), ("me.png", picture() + b"x" * 6_000_000),
        ("me.png", picture(size=(5000, 5000))), ("me.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ],
)  # fmt: skip
def test_what_is_no_good_picture_is_refused(door: httpx.Client, person: Person, name: str, content: bytes) -> None:
    before = door.get(SETTINGS, headers=person.headers).json()["image_url"]
    answer = upload(door, person, name, content)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["avatar"]
    assert door.get(SETTINGS, headers=person.headers).json()["image_url"] == before


def test_picture_with_more_pictures_behind_it(door: httpx.Client, person: Person) -> None:
    first, second = (Image.new("RGB", (300, 200), colour) for colour in ("red", "blue"))
    out = io.BytesIO()
    first.save(out, "MPO", save_all=True, append_images=[second])
    answer = upload(door, person, "me.jpg", out.getvalue())
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(door.get(answer.json()["image_url"]).content)) as stored:
        assert (stored.format, stored.size, stored.convert("RGB").getpixel((9, 9))) == ("JPEG", (300, 200), (254, 0, 0))


def test_picture_is_changed_also_when_the_one_before_cannot_be_removed(
    door: httpx.Client, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(door, person, "me.png", picture())
    monkeypatch.setattr(Blobs, "delete_now", away)
    assert upload(door, person, "me.png", picture()).status_code == 200


def away(*_: object) -> None:
    raise BlobStoreUnavailable("away")


def pictures_of(services: Services, person: Person) -> list[str]:
    folder = f"user_upload/user_{person.account_id}/profile_pic"
    return [blob.path for batch in services.blobs.list_now(folder) for blob in batch]


def test_picture_of_a_refused_or_repeated_request_is_not_kept(door: httpx.Client, services: Services, person: Person) -> None:
    sent = {"avatar": ("me.png", picture(), "application/octet-stream")}
    taken = door.patch(SETTINGS, files=sent, data={"username": make_person(services).username}, headers=person.headers)
    assert list(taken.json()) == ["username"]
    assert pictures_of(services, person) == []
    # Each time with another boundary between the parts.
    headers = {**person.headers, "Idempotency-Key": "picture"}
    answers = [door.patch(SETTINGS, files=sent, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["image_url"] == answers[1].json()["image_url"]
    assert len(pictures_of(services, person)) == 1
    assert door.get(answers[1].json()["image_url"]).status_code == 200
    others: list[dict[str, Any]] = [
        {"avatar": ("me.png", picture(size=(9, 9)))},
        {"avatar": ("you.png", picture())},
        {**sent, "motto": (None, "more")},
    ]
    for other in others:
        assert door.patch(SETTINGS, files=other, headers=headers).status_code == 409
    assert len(pictures_of(services, person)) == 1


def test_replaced_picture_is_there_for_a_backup_that_is_being_made_until_it_is_swept_up(
    door: httpx.Client, services: Services, person: Person
) -> None:
    first, second = (upload(door, person, "me.png", picture(size=size)).json()["image_url"] for size in ((30, 20), (20, 30)))
    assert [door.get(url).status_code for url in (first, second)] == [404, 200]
    assert len(pictures_of(services, person)) == 2
    list(remove_strays(services, older_than=datetime.now(UTC) + timedelta(days=1)))
    assert pictures_of(services, person) == [second.partition("/media/")[2]]


def test_parallel_changes_of_different_fields_all_land(door: httpx.Client, person: Person) -> None:
    fields: list[dict[str, Any]] = [{"motto": "m"}, {"first_name": "f"}, {"last_name": "l"}]
    fields += [{"theme_mode": "D"}, {"editor_mode": "B"}, {"app_settings": {"k": 1}}]
    with ThreadPoolExecutor(6) as threads:
        assert {answer.status_code for answer in threads.map(lambda sent: patch(door, person, **sent), fields)} == {200}
    found = door.get(SETTINGS, headers=person.headers).json()
    assert (found["motto"], found["first_name"], found["last_name"], found["theme_mode"]) == ("m", "f", "l", "D")
    assert (found["editor_mode"], found["app_settings"]["k"]) == ("B", 1)


def test_a_key_is_not_enough_to_move_the_account_to_another_address(door: httpx.Client, person: Person) -> None:
    key = door.post("/api/v1/auth/rotate-api-key/", headers=person.headers).json()["api_key"]
    by_key = {"Authorization": f"Bearer {key}"}
    refused = door.patch(SETTINGS, json={"email": f"other.{person.email}"}, headers=by_key)
    assert (refused.status_code, list(refused.json())) == (400, ["email"])
    same = door.patch(SETTINGS, json={"email": person.email, "motto": "by key"}, headers=by_key)
    assert (same.status_code, same.json()["motto"]) == (200, "by key")


def test_what_assistants_are_told_is_no_setting_that_apps_compare(door: httpx.Client, person: Person) -> None:
    stamp = "2026-05-01T10:00:00+00:00"
    patch(door, person, app_settings={"a": 1}, app_settings_updated_at=stamp)
    told = patch(door, person, mcp_skill_md="Be brief.").json()
    assert (told["mcp_skill_md"], told["app_settings_updated_at"]) == ("Be brief.", stamp)
    assert list(patch(door, person, mcp_skill_md="x" * 70_000).json()) == ["mcp_skill_md"]


def test_grey_pictures_of_sixteen_bits_keep_their_grey(door: httpx.Client, person: Person) -> None:
    out = io.BytesIO()
    Image.new("I;16", (20, 20), 0x8000).save(out, "PNG")
    url = upload(door, person, "grey.png", out.getvalue()).json()["image_url"]
    stored = Image.open(io.BytesIO(door.get(url).content)).convert("L")
    assert abs(stored.tobytes()[0] - 128) <= 2
