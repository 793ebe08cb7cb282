"""Plans as the tests make, change and read them."""

from __future__ import annotations

from typing import Any

import httpx

PLAN = {"title": "Draft the survey chapter", "event_date": "2031-05-06"}


def create(planner: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = planner.post("/planner-events/", json={**PLAN, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def change(planner: httpx.Client, event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = planner.patch(f"/planner-events/{event['id']}/", json=fields)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def window(event: dict[str, Any]) -> tuple[str, str, str]:
    return event["event_date"], event["starts_at"], event["ends_at"]


def listed(planner: httpx.Client, query: str = "") -> list[dict[str, Any]]:
    answer = planner.get(f"/planner-events/{query}")
    assert answer.status_code == 200
    events: list[dict[str, Any]] = answer.json()
    return events
