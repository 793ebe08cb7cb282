"""What may be sent, in which wrapping, and how much of it (contract: accounts 3.1, clients 1.2 and 1.3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest

from api.bodies import read_body
from tests.door.people import Person
from tests.door.routes import ThingIn

T = "/api/v1/test"
EXPECTED_DICTIONARY = "Invalid data. Expected a dictionary, but got {}."


def sent(answer: httpx.Response) -> object:
    assert answer.status_code == 200, answer.text
    return answer.json()["sent"]


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "text/plain; charset=utf-8", "application/merge-patch+json", "nonsense"]
)
def test_json_is_read_whatever_its_label(door: httpx.Client, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    assert sent(door.post(f"{T}/echo/", content=b'{"title": "x"}', headers=headers)) == {"title": "x"}
    assert sent(door.post(f"{T}/echo/", content=b'\xef\xbb\xbf{"title": "x"}', headers=headers)) == {"title": "x"}


def test_forms_are_read_as_the_same_fields(door: httpx.Client) -> None:
    fields = {"title": "x", "count": "3", "flag": "on", "settings": '{"a": [1]}', "ids": "[1, 2]"}
    expected = {"title": "x", "count": 3, "flag": True, "settings": {"a": [1]}, "ids": [1, 2]}
    assert sent(door.post(f"{T}/echo/", data=fields)) == expected
    parts = {name: (None, value) for name, value in fields.items()}
    assert sent(door.post(f"{T}/echo/", files=parts)) == expected
    assert sent(door.post(f"{T}/echo/", content="title=a&title=b", headers={"Content-Type": "application/x-www-form-urlencoded"})) == {
        "title": "b"
    }


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}])
def test_an_empty_body_is_an_empty_object(door: httpx.Client, headers: dict[str, str]) -> None:
    assert door.post(f"{T}/echo/", headers=headers).json() == {"title": ["This field is required."]}
    assert sent(door.patch(f"{T}/echo/1/", headers=headers)) == {}


@pytest.mark.parametrize(("content", "name"), [("[1]", "list"), ('"a"', "str"), ("1", "int"), ("1.5", "float"), ("true", "bool")])
def test_json_that_is_no_object(door: httpx.Client, content: str, name: str) -> None:
    answer = door.post(f"{T}/echo/", content=content)
    assert (answer.status_code, answer.json()) == (400, {"non_field_errors": [EXPECTED_DICTIONARY.format(name)]})


def test_null_is_no_data(door: httpx.Client) -> None:
    assert door.post(f"{T}/echo/", content="null").json() == {"non_field_errors": ["No data provided"]}


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{'a': 1}",
        b'{"title": NaN}',
        b'{"title": Infinity}',
        b'{"title": "\\ud800", "a": NaN}',
        b'{"title": "\\ud80"}',
        b'{"title": "\xff"}',
        b'{"title": "x"} {}',
        b'{"anything": ' + b"[" * 150 + b"]" * 150 + b"}",
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
)
def test_malformed_json(door: httpx.Client, content: bytes) -> None:
    answer = door.post(f"{T}/echo/", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json()) == ["detail"]
    assert answer.json()["detail"].startswith("JSON parse error - ")


@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "image/png", "application/xml"])
def test_an_unknown_media_type_that_holds_no_json(door: httpx.Client, content_type: str) -> None:
    answer = door.post(f"{T}/echo/", content=b"<a/>", headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()) == (415, {"detail": f'Unsupported media type "{content_type}" in request.'})


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"no boundary here"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n"),
        ("multipart/form-data; boundary=" + "x" * 500, b"--x--"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(2000))),
    ],
)
def test_malformed_forms(door: httpx.Client, content_type: str, content: bytes) -> None:
    answer = door.post(f"{T}/echo/", content=content, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert "detail" in answer.json()


def test_a_form_in_an_odd_charset_cannot_smuggle_surrogates(door: httpx.Client) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n\\ud800\r\n--x--\r\n'
    content_type = "multipart/form-data; charset=unicode_escape; boundary=x"
    assert sent(door.post(f"{T}/echo/", content=part, headers={"Content-Type": content_type})) == {"title": "\\ud800"}


def test_bodies_over_the_limit_are_refused(door: httpx.Client) -> None:
    whole = json.dumps({"title": "x", "note": "y" * 960})
    assert len(whole) <= 1000
    assert door.post(f"{T}/small/", content=whole).status_code == 200
    answer = door.post(f"{T}/small/", content=whole + " " * 1000)
    assert (answer.status_code, list(answer.json())) == (413, ["detail"])


def test_less_is_taken_where_nobody_signs_in(door: httpx.Client, person: Person) -> None:
    body = json.dumps({"title": "x", "note": "y" * 1_500_000})
    assert door.post(f"{T}/echo/", content=body).status_code == 413
    assert door.post(f"{T}/closed-echo/", content=body, headers=person.headers).status_code == 200


def test_a_body_cannot_blow_up_in_memory(door: httpx.Client, person: Person) -> None:
    body = b'{"title": "x", "anything": [' + b"[]," * 1_000_000 + b"0]}"
    answer = door.post(f"{T}/closed-echo/", content=body, headers=person.headers)
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])


def test_brackets_in_a_text_are_only_text(door: httpx.Client, person: Person) -> None:
    note = '\\"[' * 1_000_001 + "\\"
    answer = door.post(f"{T}/closed-echo/", content=json.dumps({"title": "x", "note": note}), headers=person.headers)
    assert (answer.status_code, answer.json()["sent"]["note"] == note) == (200, True)
    hidden = b'{"title": "\\"", "note": "' + b"[" * 10 + b'\\\\", "anything": [' + b"[]," * 1_000_000 + b"0]}"
    assert door.post(f"{T}/closed-echo/", content=hidden, headers=person.headers).status_code == 400


def test_bodies_without_a_declared_length_are_counted(door: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(30):
            yield b" " * 100

    assert door.post(f"{T}/small/", content=chunks()).status_code == 413
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert door.post(f"{T}/small/", content=chunks(), headers=form).status_code in (400, 413)


def test_the_next_request_works_after_one_that_was_too_large(door: httpx.Client) -> None:
    assert door.post(f"{T}/small/", content=b" " * 4000).status_code == 413
    assert door.post(f"{T}/small/", json={"title": "x"}).status_code == 200


def test_uploads(door: httpx.Client) -> None:
    content = b"\x00\xff" * 700_000
    answer = door.post(f"{T}/upload/", files={"file": ("Zürich.png", content, "application/octet-stream")})
    assert answer.json() == {"name": "Zürich.png", "bytes": len(content)}
    assert door.post(f"{T}/upload/", files={"file": ("a.png", b"")}).json() == {"file": ["The submitted file is empty."]}
    no_file = door.post(f"{T}/upload/", json={"file": "text"})
    assert (no_file.status_code, list(no_file.json())) == (400, ["file"])
    assert door.post(f"{T}/upload/").json() == {"file": ["This field is required."]}


def test_a_file_where_none_is_expected_is_refused_without_a_word_about_our_types(door: httpx.Client) -> None:
    parts = dict.fromkeys(ThingIn.model_fields, ("a.txt", b"A"))
    answer = door.post(f"{T}/echo/", files=parts)
    assert answer.status_code == 400
    assert answer.json().keys() == parts.keys()
    assert "UploadFile" not in answer.text
    assert answer.json()["kind"] == ["Not a valid string."]
    assert answer.json()["ids"] == ['Expected a list of items but got type "file".']


HOSTILE_TYPES = [
    b"",
    b"application/json",
    b"text/plain",
    b"\xff\xfe",
    b"application/x-www-form-urlencoded; charset=utf-7",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data; boundary=\xff",
    b'multipart/form-data; charset="utf-16"; boundary=x',
]
PART = b"--x\r\nContent-Disposition: form-data; name=%b\r\n\r\n%b\r\n--x--\r\n"
HOSTILE_BODIES = [
    b"",
    b"\x1a",
    b"\xef\xbb\xbf",
    b'{"title": 1e999}',
    b'{"title": "\\u0000"}',
    b'{"title": "\\u001a"}',
    b'{"ids": [1e400, -1e400, 1e30]}',
    b'{"settings": {"\\u0000": 1}}',
    b'{"at": "9999-12-31T23:59:59-23:59"}',
    b'{"at": "0000-00-00"}',
    b'{"count": 1e30, "kind": {"a": [1]}, "uuid": "{}"}',
    b'{"anything": 123456789012345678901234567890}',
    b'{"": 1, "title": "x", "title": null}',
    b"title=%ff&count=%00&title=%ed%a0%80&=&&",
    PART % (b'"title"', b"\xff" * 20),
    PART % (b'"' + b"n" * 9000 + b'"', b"v"),
    PART % (b'"file"; filename="a\xff\x00.png"', b"\x00"),
    PART % (b'"file"; filename=""', b""),
    PART % (b"", b""),
]


@pytest.mark.parametrize("path", ["echo", "upload"])
def test_no_body_crashes_the_door(door: httpx.Client, path: str) -> None:
    for content_type in HOSTILE_TYPES:
        for content in HOSTILE_BODIES:
            headers = [(b"Content-Type", content_type)] if content_type else []
            answer = door.post(f"{T}/{path}/", content=content, headers=headers)
            assert answer.status_code in (200, 400, 415), (content_type, content, answer.text)
            assert isinstance(answer.json(), dict)


@pytest.mark.parametrize(
    "body", [b"[" + b"[]," * 900_000 + b"[]]", b'{"text": "' + b"line\\r\\n" * 1_500_000 + b'"}'], ids=["lists", "text"]
)
def test_long_bodies_are_parsed_beside_the_event_loop(body: bytes) -> None:
    async def turns_of_the_loop() -> int:
        parts = [
            {"type": "http.request", "body": body[at : at + 65536], "more_body": at + 65536 < len(body)}
            for at in range(0, len(body), 65536)
        ]
        turns = 0

        async def receive() -> dict[str, object]:
            return parts.pop(0)

        reading = asyncio.create_task(read_body({"headers": []}, receive, len(body)))
        while not reading.done():
            turns += not parts
            await asyncio.sleep(0)
        assert (await reading).raw == body
        return turns

    assert asyncio.run(turns_of_the_loop()) > 3
