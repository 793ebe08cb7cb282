"""The sample courses: seeded once, never against what people did with them, restored on request (contract: notes 3.9, 13.2)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.app import Door, area_routes
from commands.accounts.aggregate import Account
from commands.handling import Work
from commands.lookups import Lookups
from commands.samples.material import BUNDLED, SLUGS, MaterialMissing, read_material
from commands.sessions import prepare_sign_in, start_session
from settings import load_settings
from tests.door.people import SYSTEM, sign_up
from tests.door.serving import serving
from wiring import Services, build_services, prepare, seed_samples

RESTORE = "admin/template-courses/restore/"


def samples(server: httpx.Client) -> dict[str, dict[str, Any]]:
    return {course["slug"]: course for course in server.get("courses/").json() if course["slug"] in SLUGS}


def titles(server: httpx.Client, course: dict[str, Any]) -> list[str]:
    return sorted(note["title"] for note in server.get(f"courses/{course['id']}/notes/").json())


def test_seeding_and_restoring(services: Services, server: httpx.Client) -> None:
    administrator, visitor = sign_up(services, staff=True), sign_up(services)
    assert server.post(RESTORE, json={}).status_code == 401
    assert server.post(RESTORE, json={}, headers=visitor.headers).status_code == 403

    seed_samples(services)
    seeded = samples(server)
    assert set(seeded) == set(SLUGS)
    assert [len(titles(server, seeded[slug])) for slug in SLUGS] == [5, 2, 2]
    assert [seeded[slug]["owner"]["username"] for slug in SLUGS] == ["sample-course-owner", "CodeX", "CodeX"]
    assert all(not course["is_default"] for course in seeded.values())
    assert [seeded[slug]["title"] for slug in SLUGS] == [
        "Vibe Coding 101", "Meaning of Work in Age of AI", "Self-identity and Expression in Modern Arts",
    ]  # fmt: skip
    assert titles(server, seeded[SLUGS[1]]) == ["Automation and dignity", "Why work still matters"]
    assert titles(server, seeded[SLUGS[2]]) == ["Expression and audience", "Identity as medium"]
    for course in seeded.values():
        (picture,) = course["media"]
        assert httpx.get(picture["image_url"]).headers["content-type"] == "image/png"
    cover = httpx.get(seeded[SLUGS[0]]["cover_image_url"])
    assert (cover.status_code, cover.headers["content-type"]) == (200, "image/png")
    assert all(httpx.get(course["owner"]["image_url"]).status_code == 200 for course in seeded.values())
    (first, *_) = server.get(f"courses/{seeded[SLUGS[1]]['id']}/notes/").json()
    note = server.get(f"notes/{first['id']}/").json()
    assert note["content"].startswith(f"# {note['title']}\n\n")
    assert (note["editor_mode"], note["is_public"]) == ("G", True)
    assert note["description"] == note["content"].partition("\n\n")[2][:240]
    assert [(block["block_type"], block["text"].strip()) for block in note["blocks"]] == [
        ("T", note["title"]),
        ("N", note["content"].partition("\n\n")[2].strip()),
    ]

    with psycopg.connect(services.settings.conninfo()) as connection:
        passwords = connection.execute("SELECT password_hash FROM accounts.accounts WHERE username IN ('CodeX', 'sample-course-owner')")
        assert [row for (row,) in passwords] == [None, None]

    files = set((services.settings.data_dir / "media").rglob("*"))
    assert seed_samples(services) == []
    restored = server.post(RESTORE, json={}, headers=administrator.headers)
    assert restored.status_code == 200
    assert restored.json()["message"] == "Template courses restored."
    assert set(SLUGS) <= {course["slug"] for course in restored.json()["courses"]}
    assert samples(server) == seeded
    assert set((services.settings.data_dir / "media").rglob("*")) == files


def test_without_material_staff_is_told_and_a_start_goes_on(services: Services, tmp_path: Path) -> None:
    lacking = build_services(services.settings.model_copy(update={"sample_root": tmp_path}))
    with serving(Door(lacking, area_routes())) as door:
        answer = door.post(f"/api/v1/{RESTORE}", json={}, headers=sign_up(services, staff=True).headers)
        assert (answer.status_code, list(answer.json())) == (503, ["detail"])
        assert seed_samples(lacking) == []


def test_a_picture_that_is_missing_costs_nothing_but_itself(database_url: str, tmp_path: Path) -> None:
    for slug in SLUGS:
        shutil.copytree(BUNDLED / slug, tmp_path / "samples" / slug)
    told = json.loads((BUNDLED / SLUGS[0] / "course.json").read_text())
    told |= {"cover_image": "gone.png", "media": [{"title": "Gone", "path": "gone.png"}]}
    (tmp_path / "samples" / SLUGS[0] / "course.json").write_text(json.dumps(told))
    settings = load_settings(database_url=database_url, data_dir=tmp_path / "data", sample_root=tmp_path / "samples")
    prepare(settings)
    with serving(Door(services := build_services(settings), area_routes())) as door:
        assert f"{SLUGS[0]}: there is no file gone.png" in seed_samples(services)
        made = {course["slug"]: course for course in door.get("/api/v1/courses/").json()}
    assert set(made) == set(SLUGS)
    assert (made[SLUGS[0]]["cover_image_url"], made[SLUGS[0]]["media"]) == ("", [])


def test_material_is_read_from_a_folder_and_checked(tmp_path: Path) -> None:
    with pytest.raises(MaterialMissing):
        read_material(tmp_path)
    for slug in SLUGS:
        (tmp_path / slug).mkdir()
        course = {"slug": slug, "title": slug, "description": "", "cover_image": "../../secret", "media": []}
        (tmp_path / slug / "course.json").write_text(json.dumps(course))
    (tmp_path / "secret").write_text("no")
    first, *_ = read_material(tmp_path)
    assert len(first.course.notes) == 5
    assert first.text(first.course.notes[0]) == (BUNDLED / SLUGS[0] / "note-1.md").read_text().strip()
    with pytest.raises(MaterialMissing):
        first.content("../../secret")
    (tmp_path / SLUGS[0] / "course.json").write_text("{")
    with pytest.raises(MaterialMissing):
        read_material(tmp_path)


def signed_in(services: Services, username: str) -> dict[str, str]:
    account_id = services.lookups.account_of_username(username)
    assert account_id is not None
    sign_in = prepare_sign_in(services.proofs.digest, user_agent="", network="", method="cli")

    def decide(work: Work[Lookups]) -> int:
        account = work.find(Account, account_id)
        assert account is not None
        return start_session(work, account_id, account.epoch, sign_in)

    services.commands.run(decide, SYSTEM)
    return {"Authorization": f"Token {sign_in.key}"}


def test_a_start_undoes_nothing_that_people_did(services: Services, server: httpx.Client) -> None:
    seed_samples(services)
    headers = signed_in(services, "CodeX")
    second, third = (samples(server)[slug] for slug in SLUGS[1:])
    kept, thrown = server.get(f"courses/{second['id']}/notes/").json()
    assert server.patch(f"courses/{second['id']}/", json={"title": "Mine"}, headers=headers).status_code == 200
    assert server.patch(f"notes/{kept['id']}/", json={"content": "Other words"}, headers=headers).status_code == 200
    assert server.delete(f"notes/{thrown['id']}/", headers=headers).status_code == 204
    assert server.delete(f"courses/{third['id']}/", headers=headers).status_code == 204
    assert seed_samples(services) == []
    left = samples(server)
    assert (set(left), left[SLUGS[1]]["title"]) == (set(SLUGS[:2]), "Mine")
    assert titles(server, second) == [kept["title"]]
    assert server.get(f"notes/{kept['id']}/").json()["content"] == "Other words"

    assert server.post(RESTORE, json={}, headers=sign_up(services, staff=True).headers).status_code == 200
    restored = samples(server)
    assert [restored[slug]["title"] for slug in SLUGS[1:]] == [second["title"], third["title"]]
    assert [len(titles(server, restored[slug])) for slug in SLUGS] == [5, 1, 2]
    assert server.get(f"notes/{kept['id']}/").json()["content"] == "Other words"
