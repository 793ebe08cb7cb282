"""What each kind of field accepts and what it says otherwise (contract: accounts 4, notes 1.5, planner_platform 1.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.errors import InvalidFields
from api.fields import (
    Boolean,
    Choice,
    Date,
    DateTime,
    Email,
    FieldType,
    Integer,
    Json,
    JsonObject,
    ListOf,
    Model,
    Text,
    Url,
    Uuid,
)
from api.validation import validated
from tests.door.routes import ThingIn

NULL = "This field may not be null."
BLANK = "This field may not be blank."
NUL = "Null characters are not allowed."
STRING = "Not a valid string."
INTEGER = "A valid integer is required."
EMAIL = "Enter a valid email address."
URL = "Enter a valid URL."
DAY = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
TIME = "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
U = "0c1f6a54-5f0e-4a9b-9b0e-3d1c8f2a7e11"


def read(field: Any, value: Any, *, form: bool = False, kind: Any = Any) -> Any:
    class One(Model):
        x: Annotated[kind, field]

    return validated(One, {"x": value}, form=form).x


def refusal(field: Any, value: Any, *, form: bool = False, kind: Any = Any) -> Any:
    with pytest.raises(InvalidFields) as caught:
        read(field, value, form=form, kind=kind)
    assert list(caught.value.body) == ["x"]
    return caught.value.body["x"]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (Text(), "  a b\n", "a b"),
        (Text(), 12, "12"),
        (Text(), 1.5, "1.5"),
        (Text(blank=True), "  ", ""),
        (Text(blank=True, trim=False), " \n", " \n"),
        (Text(trim=False), "a\n", "a\n"),
        (Text(null=True), None, None),
        (Text(max=3), " abc ", "abc"),
        (Text(pattern="[a-z]+"), "abc", "abc"),
        (Email(), " Mira@Example.org ", "mira@example.org"),
        (Email(), "admin@localhost", "admin@localhost"),
        (Email(), "a+b@müller.example", "a+b@xn--mller-kva.example"),
        (Url(), "https://example.org/a?b#c", "https://example.org/a?b#c"),
        (Url(blank=True), "", ""),
        (Integer(), "7", 7),
        (Integer(), "-7", -7),
        (Integer(), 7.0, 7),
        (Integer(null=True), None, None),
        (Boolean(), "yes", True),
        (Boolean(), "OFF", False),
        (Boolean(), 1, True),
        (Boolean(), 0, False),
        (Boolean(null=True), "", None),
        (Choice(codes=("A", "B")), "A", "A"),
        (Choice(codes=("1", "2")), 1, "1"),
        (Uuid(), U.upper(), UUID(U)),
        (Uuid(), U.replace("-", ""), UUID(U)),
        (Date(), "2031-5-6", date(2031, 5, 6)),
        (DateTime(), "2031-05-06", datetime(2031, 5, 6, tzinfo=UTC)),
        (DateTime(), "2031-05-06T14:00", datetime(2031, 5, 6, 14, tzinfo=UTC)),
        (DateTime(), "2031-05-06 14:00:01.5+02:00", datetime(2031, 5, 6, 12, 0, 1, 500_000, UTC)),
        (DateTime(), "2031-05-06T14:00:00.123456789Z", datetime(2031, 5, 6, 14, 0, 0, 123_456, UTC)),
        (DateTime(), "2031-05-06T14:00:00-0330", datetime(2031, 5, 6, 17, 30, tzinfo=UTC)),
        (Json(), [1, {"a": None}], [1, {"a": None}]),
        (JsonObject(), {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_accepted(field: FieldType, value: object, expected: object) -> None:
    result = read(field, value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (Text(), None, NULL),
        (Text(), "", BLANK),
        (Text(), " \n", BLANK),
        (Text(trim=False), " \n", BLANK),
        (Text(), True, STRING),
        (Text(), [], STRING),
        (Text(), {}, STRING),
        (Text(), "a\0b", NUL),
        (Text(max=3), "abcd", "Ensure this field has no more than 3 characters."),
        (Text(min=8), "abc", "Ensure this field has at least 8 characters."),
        (Text(pattern="[a-z]+"), "aB", "This value does not match the required pattern."),
        (Text(pattern="[a-z]+"), True, "This value does not match the required pattern."),
        (Email(), "", BLANK),
        (Email(), "a", EMAIL),
        (Email(), "a@b", EMAIL),
        (Email(), "a b@example.org", EMAIL),
        (Email(), "a@exa mple.org", EMAIL),
        (Email(), "a@-example.org", EMAIL),
        (Email(), "@example.org", EMAIL),
        (Email(), False, EMAIL),
        (Email(), "a\r\nBcc: b@example.org", EMAIL),
        (Email(), "=?utf-8?q?victim?=@example.org", EMAIL),
        (Email(), "a" * 250 + "@example.org", "Ensure this field has no more than 254 characters."),
        (Url(), "example.org", URL),
        (Url(), "javascript:alert(1)", URL),
        (Url(), "http://", URL),
        (Url(), "http://[::1", URL),
        (Url(), "http://a:99999/", URL),
        (Url(), "http://a/\nb", URL),
        (Integer(), "", INTEGER),
        (Integer(), "1.5", INTEGER),
        (Integer(), 1.5, INTEGER),
        (Integer(), True, INTEGER),
        (Integer(), [], INTEGER),
        (Integer(), "٣", INTEGER),
        (Integer(), 10**30, INTEGER),
        (Integer(), 1e300, INTEGER),
        (Integer(), "9" * 5000, INTEGER),
        (Integer(min=1), 0, "Ensure this value is greater than or equal to 1."),
        (Integer(max=5), 6, "Ensure this value is less than or equal to 5."),
        (Boolean(), "maybe", "Must be a valid boolean."),
        (Boolean(), "", "Must be a valid boolean."),
        (Boolean(), [], "Must be a valid boolean."),
        (Boolean(), 2, "Must be a valid boolean."),
        (Boolean(), None, NULL),
        (Choice(codes=("A",)), "Q", '"Q" is not a valid choice.'),
        (Choice(codes=("A",)), "{value}", '"{value}" is not a valid choice.'),
        (Choice(codes=("A",)), "", '"" is not a valid choice.'),
        (Choice(codes=("A",)), True, '"True" is not a valid choice.'),
        (Choice(codes=("A",)), None, NULL),
        (Uuid(), "x", "Must be a valid UUID."),
        (Uuid(), 5, "Must be a valid UUID."),
        (Date(), "2031-02-30", DAY),
        (Date(), "2031-05-06T00:00", DAY),
        (Date(), 5, DAY),
        (DateTime(), "", TIME),
        (DateTime(), "2031-05-06T25:00", TIME),
        (DateTime(), "0001-01-01T00:00:00+10:00", TIME),
        (DateTime(), "2031-05-06T14:00+99:00", TIME),
        (DateTime(), 1e9, TIME),
        (JsonObject(), [], 'Expected a dictionary of items but got type "list".'),
        (JsonObject(), {"a": ["\0"]}, NUL),
        (JsonObject(max=20), {"a": "b" * 20}, "Ensure this field has no more than 20 bytes."),
    ],
)
def test_refused(field: FieldType, value: object, message: str) -> None:
    assert refusal(field, value) == [message]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (ListOf(), "text", 'Expected a list of items but got type "str".'),
        (ListOf(min=1), [], "Ensure this field has at least 1 elements."),
        (ListOf(max=1), [1, 2], "Ensure this field has no more than 1 elements."),
        (ListOf(), None, NULL),
    ],
)
def test_lists_refused(field: ListOf, value: object, message: str) -> None:
    assert refusal(field, value, kind=list[Any]) == [message]


def test_json_in_forms() -> None:
    assert read(JsonObject(), '{"a": 1}', form=True) == {"a": 1}
    assert refusal(Json(), "{", form=True) == ["Value must be valid JSON."]
    assert read(Json(), "{", form=False) == "{"


def test_all_bad_fields_are_told_at_once_and_items_by_their_index() -> None:
    with pytest.raises(InvalidFields) as caught:
        validated(ThingIn, {"count": "x", "ids": [1, "b", 2, None], "blocks": ["a", {}], "settings": 5, "kind": None, "extra": 1})
    assert caught.value.body == {
        "title": ["This field is required."],
        "count": [INTEGER],
        "ids": {"1": [INTEGER], "3": [NULL]},
        "blocks": {"0": ['Expected a dictionary of items but got type "str".']},
        "settings": ['Expected a dictionary of items but got type "int".'],
        "kind": [NULL],
    }


def test_nested_models_tell_their_fields() -> None:
    class Inner(Model):
        name: Annotated[str, Text()]

    class Outer(Model):
        items: Annotated[list[Inner], ListOf()]

    with pytest.raises(InvalidFields) as caught:
        validated(Outer, {"items": [{"name": "a"}, {}, 5]})
    assert caught.value.body == {
        "items": {
            "1": {"name": ["This field is required."]},
            "2": ['Expected a dictionary of items but got type "int".'],
        }
    }


def test_partial_models_know_what_was_sent() -> None:
    patch = validated(ThingIn.partial(), {"note": None, "unknown": 1})
    assert patch.sent() == {"note": None}
    assert patch.model_dump()["count"] is None
    with pytest.raises(InvalidFields) as caught:
        validated(ThingIn.partial(), {"title": "", "count": -1})
    assert caught.value.body == {"title": [BLANK], "count": ["Ensure this value is greater than or equal to 0."]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(ThingIn.model_fields)), json_values))
def test_any_json_is_understood_or_refused_by_field(sent: dict[str, Any]) -> None:
    try:
        told = set(validated(ThingIn, sent).sent())
    except InvalidFields as refused:
        told = set(refused.body) | set(sent)
    assert told <= set(ThingIn.model_fields)
    assert told >= set(sent)
