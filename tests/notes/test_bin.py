"""The recycle bin of notes (contract: notes 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from commands.context import Context
from commands.handling import Work
from commands.lookups import Lookups
from commands.notes.aggregate import Note
from commands.notes.bin import delete_note
from commands.notes.commands import CreateNote, create_note
from settings import Settings
from tests.accounts.people import Person, make_person
from wiring import Services

Write = Callable[..., dict[str, Any]]


def test_deleted_note_is_nowhere_but_in_the_bin(mira: httpx.Client, write: Write) -> None:
    note = write(content="text", is_public=True)
    path = f"notes/{note['id']}/"
    assert mira.delete(path).status_code == 204
    (gone,) = mira.get("notes/deleted/").json()
    assert (gone["id"], gone["title"], gone["is_public"]) == (note["id"], note["title"], False)
    assert gone["deleted_at"].endswith("+00:00")
    assert isinstance(gone["recycle_bin_entry_id"], int)
    for answer in (
        mira.get(path),
        mira.patch(path, json={}),
        mira.delete(path),
        mira.get(f"{path}history/"),
        mira.post(f"{path}snapshot/", json={}),
        mira.get(f"{path}blocks/"),
        mira.post(f"{path}blocks/", json={"block_type": "N"}),
        mira.patch(f"blocks/{note['blocks'][0]['id']}/", json={"text": "x"}),
    ):
        assert answer.status_code == 404
    assert mira.get("notes/").json() == []


def test_restored_note_has_everything_but_its_visibility(mira: httpx.Client, write: Write) -> None:
    note = write(content="text", is_public=True, description="d")
    version = mira.post(f"notes/{note['id']}/snapshot/", json={}).json()
    mira.delete(f"notes/{note['id']}/")
    back = mira.post(f"notes/{note['id']}/restore/", json={})
    assert back.status_code == 200
    different = {name for name in note if back.json().get(name) != note[name]}
    assert different == {"is_public", "last_edit", "version", "outcome", "metadata_json"}
    assert mira.get("notes/deleted/").json() == []
    assert [entry["id"] for entry in mira.get(f"notes/{note['id']}/history/").json()] == [version["id"]]
    assert mira.post(f"notes/{note['id']}/restore/", json={}).status_code == 404


def test_bin_is_listed_latest_deletion_first_and_per_account(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    first, second = write("first"), write("second")
    for note in (second, first):
        mira.delete(f"notes/{note['id']}/")
    assert [note["id"] for note in mira.get("notes/deleted/").json()] == [first["id"], second["id"]]
    assert ravi.get("notes/deleted/").json() == []
    assert ravi.post(f"notes/{first['id']}/restore/", json={}).status_code == 404


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_emptied_means_forgotten(mira: httpx.Client, ravi: httpx.Client, write: Write, settings: Settings, method: str) -> None:
    secret = f"secret-{method.lower()}-6c1f"
    note = write(secret, content=f"# {secret}\n\nbody", description=secret, metadata_json=f'{{"a":"{secret}"}}', module=secret)
    path = f"notes/{note['id']}/"
    for number in range(3):
        mira.patch(path, json={"content": f"{secret} {number}"}, headers={"Idempotency-Key": f"{secret}-{number}".replace("secret", "key")})
    mira.post(f"{path}blocks/", json={"block_type": "N", "text": secret})
    mira.post(f"{path}snapshot/", json={})
    comment = ravi.post("notes/", json={"title": "c", "note_type": "C"}).json()
    mira.delete(path)
    emptied = mira.request(method, "notes/deleted/empty/")
    assert (emptied.status_code, emptied.json()) == (200, {"count": 1, "deleted_count": 1})
    assert mira.request(method, "notes/deleted/empty/").json() == {"count": 0, "deleted_count": 0}
    assert mira.get(path).status_code == 404
    assert mira.post(f"{path}restore/", json={}).status_code == 404
    assert ravi.get(f"notes/{comment['id']}/").status_code == 200
    assert secret not in everything_stored(settings.conninfo())


def everything_stored(conninfo: str) -> str:
    """All rows of all tables, as a dump would hold them."""
    with psycopg.connect(conninfo) as connection:
        tables = connection.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        connection.execute("SET bytea_output = 'escape'")
        return "\n".join(
            str(row) for (table,) in tables for row in connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
        )


def test_comments_become_private_with_their_source_and_outlive_it(mira: httpx.Client, ravi: httpx.Client, write: Write) -> None:
    note = write(is_public=True)
    comment = ravi.post("notes/", json={"title": "c", "note_type": "C", "is_public": True, "source_note_uuid": note["uuid"]}).json()
    mira.delete(f"notes/{note['id']}/")
    seen = ravi.get(f"notes/{comment['id']}/").json()
    assert (seen["is_public"], seen["source_note_uuid"]) == (False, note["uuid"])
    mira.delete("notes/deleted/empty/")
    assert ravi.get(f"notes/{comment['id']}/").json()["source_note_uuid"] is None


@pytest.mark.parametrize("first", ["comment", "deletion"])
def test_comment_that_is_made_while_its_source_is_being_deleted(services: Services, person: Person, first: str) -> None:
    """Whichever is decided first, and stored last."""

    def comment(work: Work[Lookups]) -> int:
        command = CreateNote(title="c", note_type="C", is_public=True, source_note_uuid=uuid)
        return create_note(work, other.account_id, command).note_id

    def delete(work: Work[Lookups]) -> None:
        delete_note(work, person.account_id, source)

    other = make_person(services)
    owners, others = (Context(actor=somebody.account_id, channel="web") for somebody in (person, other))
    public = CreateNote(title="Source", is_public=True)
    source = services.commands.run(lambda work: create_note(work, person.account_id, public), owners).result.note_id
    note = services.commands.preview(lambda work: work.find(Note, source), owners)
    assert note is not None
    uuid = note.uuid
    made: list[int] = []

    def comment_first(work: Work[Lookups]) -> int:
        note_id = comment(work)
        if not made:
            made.append(note_id)
            services.commands.run(delete, owners)
        return note_id

    def delete_first(work: Work[Lookups]) -> None:
        delete(work)
        if not made:
            made.append(services.commands.run(comment, others).result)

    if first == "comment":
        made[:] = [services.commands.run(comment_first, others).result]
    else:
        services.commands.run(delete_first, owners)
    kept = services.commands.preview(lambda work: work.find(Note, made[0]), others)
    assert kept is not None
    assert (kept.source_note_uuid, kept.is_public) == ((None, True) if first == "comment" else (uuid, False))


def test_draft_name_of_a_purged_note_is_free_again(mira: httpx.Client) -> None:
    draft = {"title": "Draft", "client_draft_id": "draft_purged"}
    first = mira.post("notes/", json=draft).json()
    mira.delete(f"notes/{first['id']}/")
    mira.delete("notes/deleted/empty/")
    again = mira.post("notes/", json=draft)
    assert (again.status_code, again.json()["id"] > first["id"]) == (201, True)
