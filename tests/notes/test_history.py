"""Versions, time travel and merging (contract: notes 8; clients 6.5, 7.4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Write = Callable[..., dict[str, Any]]


def save(client: httpx.Client, note: dict[str, Any], text: str, **fields: Any) -> dict[str, Any]:
    answer = client.patch(f"notes/{note['id']}/", json={"content": text, **fields})
    assert answer.status_code == 200, answer.text
    saved: dict[str, Any] = answer.json()
    return saved


def history(client: httpx.Client, note: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    answer = client.get(f"notes/{note['id']}/history/", params=params)
    assert answer.status_code == 200, answer.text
    versions: list[dict[str, Any]] = answer.json()
    return versions


@pytest.mark.parametrize(
    ("reason", "label"), [("autosave_1m", "AutoSave-1m"), ("AUTOSAVE_10M", "AutoSave-10m"), ("autosave_1h", "AutoSave-1h"), ("quit", None)]
)
def test_snapshot_keeps_the_state_under_its_label(mira: httpx.Client, write: Write, reason: str, label: str | None) -> None:
    note = write(content="# T\n\none", description="d", metadata_json='{"a":1}', editor_mode="G")
    taken = mira.post(f"notes/{note['id']}/snapshot/", json={"reason": reason})
    assert taken.status_code == 201
    version = taken.json()
    assert version.items() >= {"title": note["title"], "description": "d", "content": "# T\n\none", "editor_mode": "G"}.items()
    assert json.loads(version["metadata_json"]) == {"a": 1}
    assert version["reason"] == reason
    assert version["label"] == (label or version["date_created"][:16].replace("T", " "))
    save(mira, note, "two")
    assert history(mira, note) == [version]
    assert mira.get(f"notes/{note['id']}/").json()["last_edit"] > note["last_edit"]


def test_snapshot_without_a_reason_is_manual_and_long_reasons_are_cut(mira: httpx.Client, write: Write) -> None:
    note = write()
    assert mira.post(f"notes/{note['id']}/snapshot/").json()["reason"] == "manual"
    assert mira.post(f"notes/{note['id']}/snapshot/", json={"reason": "r" * 50}).json()["reason"] == "r" * 32


def test_history_shows_the_newest_twelve_and_pages_through_all(mira: httpx.Client, write: Write) -> None:
    note = write(content="0")
    texts = [f"text {number}\n" * 30 for number in range(30)]
    for text in texts:
        save(mira, note, text)
        mira.post(f"notes/{note['id']}/snapshot/", json={})
    assert [version["content"] for version in history(mira, note)] == texts[:17:-1]
    seen: list[str] = []
    page = history(mira, note, limit=7)
    while page:
        seen += [version["content"] for version in page]
        page = history(mira, note, limit=7, before=page[-1]["id"])
    assert seen == texts[::-1]


def test_every_saved_text_can_be_listed_read_and_restored(mira: httpx.Client, write: Write) -> None:
    note = write(content="one " * 50)
    for text in ("one " * 49 + "two", "one " * 49 + "three", "four"):
        save(mira, note, text)
    edits = history(mira, note, include="edits")
    assert [version["content"] for version in edits] == ["four", "one " * 49 + "three", "one " * 49 + "two", "one " * 50]
    assert history(mira, note) == []
    second = edits[2]
    assert mira.get(f"notes/{note['id']}/history/{second['id']}/").json() == second
    assert mira.get(f"notes/{note['id']}/history/{second['version']}/").json() == second
    restored = mira.post(f"notes/{note['id']}/restore/{second['id']}/", json={})
    assert (restored.status_code, restored.json()["content"]) == (200, second["content"])


def test_restoring_keeps_the_state_before_and_leaves_visibility_and_course(mira: httpx.Client, write: Write) -> None:
    note = write("One", content="# One\n\nfirst", description="d", editor_mode="G", metadata_json='{"a":1}')
    version = mira.post(f"notes/{note['id']}/snapshot/", json={}).json()
    save(mira, note, "second", title="Two", description="e", editor_mode="P", metadata_json='{"a":2}', is_public=True)
    back = mira.post(f"notes/{note['id']}/restore/{version['id']}/", json={}).json()
    assert (back["title"], back["description"], back["content"], back["editor_mode"]) == ("One", "d", "# One\n\nfirst", "G")
    assert json.loads(back["metadata_json"])["a"] == 1
    assert back["is_public"] is True
    assert [block["text"] for block in back["blocks"]] == ["One", "first"]
    before = history(mira, note)[0]
    assert (before["reason"], before["content"], before["title"]) == ("before_restore", "second", "Two")
    assert before["label"] == before["date_created"][:16].replace("T", " ")
    assert mira.post("undo/", json={}).status_code == 200
    assert mira.get(f"notes/{note['id']}/").json()["content"] == "second"


def test_versions_of_other_notes_are_not_found(mira: httpx.Client, write: Write) -> None:
    note, other = write(content="a"), write(content="b")
    foreign = mira.post(f"notes/{other['id']}/snapshot/", json={}).json()["id"]
    mira.post(f"notes/{note['id']}/snapshot/", json={})
    for version in (foreign, 0, 999, 2**40, 2**62):
        for answer in (
            mira.post(f"notes/{note['id']}/restore/{version}/", json={}),
            mira.get(f"notes/{note['id']}/history/{version}/"),
            mira.get(f"notes/{note['id']}/history/1/diff/{version}/"),
        ):
            assert (answer.status_code, answer.json()) == (404, {"detail": "No NoteVersion matches the given query."})


def test_difference_of_two_versions_by_lines_and_by_words(mira: httpx.Client, write: Write) -> None:
    note = write(content="# T\n\nthe quick fox\n\nend")
    first = mira.post(f"notes/{note['id']}/snapshot/", json={}).json()
    save(mira, note, "# T\n\nthe slow fox\n\nend", title="Other")
    second = mira.post(f"notes/{note['id']}/snapshot/", json={}).json()
    found = mira.get(f"notes/{note['id']}/history/{first['id']}/diff/{second['id']}/").json()
    assert "-the quick fox" in found["unified"]
    assert "+the slow fox" in found["unified"]
    assert found["words"] == [
        {"op": "equal", "text": "# T\n\nthe "},
        {"op": "delete", "text": "quick"},
        {"op": "insert", "text": "slow"},
        {"op": "equal", "text": " fox\n\nend"},
    ]
    assert found["fields"] == {"title": [note["title"], "Other"]}


def test_difference_inside_a_text_without_blanks(mira: httpx.Client, write: Write) -> None:
    note = write(content="我们一起去公园散步")
    save(mira, note, "我们一起去海边散步")
    newest = history(mira, note, include="edits")[0]["version"]
    words = mira.get(f"notes/{note['id']}/history/1/diff/{newest}/").json()["words"]
    assert [(step["op"], step["text"]) for step in words] == [
        ("equal", "我们一起去"),
        ("delete", "公园"),
        ("insert", "海边"),
        ("equal", "散步"),
    ]


def test_note_can_be_read_as_it_was_at_a_time_or_version(mira: httpx.Client, write: Write) -> None:
    note = write("One", content="first")
    then = save(mira, note, "second", title="Two")
    save(mira, note, "third", description="later")
    for as_of in (then["last_edit"], then["last_edit"].replace("Z", "+00:00"), str(then["version"])):
        past = mira.get(f"notes/{note['id']}/", params={"as_of": as_of}).json()
        assert (past["title"], past["content"], past["description"]) == ("Two", "second", "")
        assert [block["text"] for block in past["blocks"]] == ["Two", "second"]
        assert past["can_edit"] is False
    assert mira.get(f"notes/uuid/{note['uuid']}/", params={"as_of": "1"}).json()["content"] == "first"
    assert mira.get(f"notes/{note['id']}/", params={"as_of": "2001-01-01"}).status_code == 404
    assert mira.get(f"notes/{note['id']}/", params={"as_of": "999"}).status_code == 404
    assert mira.get(f"notes/{note['id']}/", params={"as_of": "yesterday"}).json().keys() == {"as_of"}


def test_past_note_names_the_course_that_it_lay_in(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    note = write(content="text")
    own, foreign = (client.post("courses/", json={"title": "Biology"}).json() for client in (mira, ravi))
    mira.post(f"courses/{foreign['id']}/subscribe/")
    path = f"notes/{note['id']}/"
    was_in = {
        course["id"]: mira.patch(path, json={"course_id": course["id"]}).json() for course in (own, foreign, {"id": note["course_id"]})
    }
    for course_id, then in was_in.items():
        past = mira.get(path, params={"as_of": str(then["version"])}).json()
        assert (past["course_id"], past["course"]) == (course_id, then["course"])
    # A deleted course is still there for whoever can bring it back, and for nobody else.
    for client, course in ((mira, own), (ravi, foreign)):
        assert client.delete(f"courses/{course['id']}/").status_code == 204
    for course, shown in ((own, was_in[own["id"]]["course"]), (foreign, None)):
        past = mira.get(path, params={"as_of": str(was_in[course["id"]]["version"])}).json()
        assert (past["course_id"], past["course"]) == (course["id"], shown)


BASE = "# T\n\nfirst line\n\nsecond line\n\nthird line"


def test_going_along_with_a_course_is_no_edit_of_the_past_note_either(mira: httpx.Client, write: Write) -> None:
    note = write(content="text")
    path = f"notes/{note['id']}/"
    course = mira.post("courses/", json={"title": "Goes again"}).json()["id"]
    filed = mira.patch(path, json={"course_id": course}).json()
    mira.delete(f"courses/{course}/")
    now = mira.get(path).json()
    assert (now["version"], now["last_edit"]) == (filed["version"] + 1, filed["last_edit"])
    assert mira.get(path, params={"as_of": now["version"]}).json()["last_edit"] == filed["last_edit"]


def test_stale_save_is_merged_where_changes_do_not_touch(mira: httpx.Client, write: Write) -> None:
    note = write(content=BASE)
    save(mira, note, BASE.replace("first", "FIRST"), title="Renamed")
    merged = save(mira, note, BASE.replace("third", "THIRD"), title=note["title"], base_version=note["version"])
    assert merged["content"] == BASE.replace("first", "FIRST").replace("third", "THIRD")
    assert (merged["title"], merged["outcome"]) == ("Renamed", "merged")
    assert history(mira, note)[0]["reason"] == "before_merge"
    texts = [version["content"] for version in history(mira, note, include="edits")]
    assert BASE.replace("third", "THIRD") in texts


@pytest.mark.parametrize(
    ("paragraph", "mine", "theirs"),
    [
        ("今天天气很好我们一起去公园散步然后回家吃晚饭", ("天气很好", "天气不错"), ("吃晚饭", "做晚饭")),
        ("昨日は東京で友達と会って美術館を見学しました", ("東京", "京都"), ("見学しました", "見学しませんでした")),
        ("เมื่อวานฉันไปตลาดกับแม่แล้วกลับบ้าน", ("ตลาด", "ทะเล"), ("กลับบ้าน", "กลับวัด")),
        # A long paragraph that consists of few characters.
        ("的一是不了" * 20 + "人我在有他这为之大来以个中上们到说国和地" * 20, ("的一是不了人", "的一不是了人"), ("国和地人", "国家和地人")),
    ],
    ids=["chinese", "japanese", "thai", "long"],
)
def test_one_paragraph_without_blanks_is_merged_by_characters(
    mira: httpx.Client, write: Write, paragraph: str, mine: tuple[str, str], theirs: tuple[str, str]
) -> None:
    note = write(content=paragraph)
    save(mira, note, paragraph.replace(*mine, 1))
    merged = save(mira, note, paragraph.replace(*theirs, 1), base_version=note["version"])
    assert (merged["content"], merged["outcome"]) == (paragraph.replace(*mine, 1).replace(*theirs, 1), "merged")


def test_one_word_that_both_changed_is_not_mixed(mira: httpx.Client, write: Write) -> None:
    note = write(content="我喜欢猫")
    save(mira, note, "我热爱猫")
    saved = save(mira, note, "我讨厌猫", base_version=note["version"])
    assert (saved["content"], history(mira, note)[0]["content"]) == ("我讨厌猫", "我热爱猫")


def test_stale_save_leaves_newer_changes_of_fields_that_it_did_not_touch(mira: httpx.Client, write: Write) -> None:
    old = {"module": "m", "editor_mode": "P", "custom_meta": "{}", "is_public": False, "description": "d"}
    new = {"module": "n", "editor_mode": "G", "custom_meta": '{"a":1}', "is_public": True, "description": "e"}
    note = write(content=BASE, **old)
    save(mira, note, BASE, **new)
    saved = save(mira, note, BASE + "\n\nmore", **old, base_version=note["version"])
    assert {name: saved[name] for name in new} == new
    assert saved["content"] == BASE + "\n\nmore"


def test_blocks_over_a_newer_text_keep_that_text_as_a_version(mira: httpx.Client, write: Write) -> None:
    note = write(content=BASE)
    save(mira, note, BASE.replace("first", "ours"))
    blocks = [{"block_type": "T", "text": "T"}, {"text": "theirs"}]
    answer = mira.patch(f"notes/{note['id']}/", json={"blocks": blocks, "base_version": note["version"]})
    assert answer.json()["content"] == "# T\n\ntheirs"
    kept = history(mira, note)[0]
    assert (kept["reason"], kept["content"]) == ("overwritten", BASE.replace("first", "ours"))


def test_stale_save_that_touches_wins_and_the_other_text_is_kept(mira: httpx.Client, write: Write) -> None:
    note = write(content=BASE)
    save(mira, note, BASE.replace("first", "ours"))
    saved = save(mira, note, BASE.replace("first", "theirs"), base_version=note["version"])
    assert saved["content"] == BASE.replace("first", "theirs")
    kept = history(mira, note)[0]
    assert (kept["reason"], kept["content"]) == ("overwritten", BASE.replace("first", "ours"))
    assert kept["label"].startswith("Overwritten ")


def cloud_copy(note: dict[str, Any], text: str) -> dict[str, Any]:
    """What a device sends that pulled the note and edited the copy offline."""
    metadata = {
        **json.loads(note["metadata_json"]),
        "pulled_from_cloud_note_id": note["id"],
        "pulled_from_account": note["author"]["username"],
        "is_cloud_copy": True,
        "source_note_last_edit": note["last_edit"],
    }
    return {"content": text, "title": note["title"], "description": note["description"], "metadata_json": json.dumps(metadata)}


def test_upload_of_a_cloud_copy_is_merged_with_what_came_meanwhile(mira: httpx.Client, write: Write) -> None:
    note = write(content=BASE, description="d")
    save(mira, note, BASE.replace("first", "FIRST"), description="newer")
    uploaded = mira.patch(f"notes/{note['id']}/", json=cloud_copy(note, BASE.replace("third", "THIRD")))
    assert uploaded.status_code == 200
    assert uploaded.json()["content"] == BASE.replace("first", "FIRST").replace("third", "THIRD")
    assert uploaded.json()["description"] == "newer"


def test_upload_of_a_cloud_copy_that_touches_keeps_both_texts(mira: httpx.Client, write: Write) -> None:
    note = write(content=BASE)
    save(mira, note, BASE.replace("first", "ours"))
    uploaded = mira.patch(f"notes/{note['id']}/", json=cloud_copy(note, BASE.replace("first", "theirs"))).json()
    assert uploaded["content"] == BASE.replace("first", "theirs")
    assert history(mira, note)[0]["content"] == BASE.replace("first", "ours")


def test_stamp_of_an_earlier_upload_does_not_make_later_saves_stale(mira: httpx.Client, write: Write) -> None:
    note = write(content=BASE)
    uploaded = mira.patch(f"notes/{note['id']}/", json=cloud_copy(note, BASE.replace("first", "1"))).json()
    for text in ("# T\n\nnothing of it", BASE):
        uploaded = save(mira, note, text, metadata_json=uploaded["metadata_json"])
        assert (uploaded["content"], uploaded["outcome"]) == (text, "updated")
    assert history(mira, note) == []


def test_long_histories_replay_across_whole_texts(mira: httpx.Client, write: Write) -> None:
    text = "start\n"
    note = write(content=text)
    texts = [text]
    for number in range(120):
        text = text + f"sentence {number} of some length\n" if number % 3 else text[number % 7 :]
        save(mira, note, text)
        texts.append(text)
    expected = [text for index, text in enumerate(texts) if index == 0 or text != texts[index - 1]]
    seen: list[str] = []
    page = history(mira, note, limit=100, include="edits")
    while page:
        seen += [version["content"] for version in page]
        page = history(mira, note, limit=100, include="edits", before=page[-1]["id"])
    assert seen == expected[::-1]


@pytest.mark.parametrize("text", [r"six characters: \u001a", "one character: \x1a", "\x1a"])
def test_a_note_as_it_was_says_what_it_said(mira: httpx.Client, write: Write, text: str) -> None:
    note = write(content=text)
    mira.patch(f"notes/{note['id']}/", json={"content": "other"})
    past = mira.get(f"notes/{note['id']}/", params={"as_of": "1"}).json()
    assert (past["content"], past["author"]) == (text, note["author"])
