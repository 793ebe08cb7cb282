"""Readiness and the figures for Prometheus."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

import metrics
from api.app import Door, area_routes
from settings import Settings
from tests.accounts.people import make_person
from tests.door.serving import serving
from wiring import Services, build_services

ROOT = Path(__file__).parents[2]


def _figures(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _of(found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


def test_requests_are_counted_by_route_template(client: httpx.Client) -> None:
    template = {"method": "GET", "route": "/api/v1/planner-events/{event_id:int}/", "status": "401"}
    before = _of(_figures(client), "notechondria_requests_total", **template)
    for number in (1, 2, 3):
        client.get(f"/api/v1/planner-events/{number}/")
    found = _figures(client)
    assert _of(found, "notechondria_requests_total", **template) == before + 3
    assert not any("planner-events/2" in str(labels) for _, labels in found)


def test_unknown_paths_make_one_series(client: httpx.Client) -> None:
    for path in ("/nope/a", "/nope/b"):
        client.request("PROPFIND", path)
    figures = _figures(client)
    series = [labels for name, labels in figures if name == "notechondria_requests_total" and ("route", "other") in labels]
    assert series
    assert all(("method", "") in labels for labels in series)
    assert not any("nope" in str(labels) for _, labels in figures)


def test_doors_beside_the_routes_are_one_series_each(client: httpx.Client) -> None:
    for path in ("/admin/login", "/admin/nope", "/docs"):
        client.get(path)
    found = _figures(client)
    assert _of(found, "notechondria_requests_total", method="GET", route="/admin/", status="200") >= 1
    assert _of(found, "notechondria_requests_total", method="GET", route="/docs/", status="200") >= 1


def test_commands_and_events_are_counted_by_channel(client: httpx.Client, services: Services) -> None:
    before = _figures(client)
    make_person(services)
    after = _figures(client)
    done = {"channel": "cli", "outcome": "done"}
    assert _of(after, "notechondria_commands_total", **done) == _of(before, "notechondria_commands_total", **done) + 1
    assert _of(after, "notechondria_events_total", channel="cli") > _of(before, "notechondria_events_total", channel="cli")
    assert _of(after, "notechondria_log_head") > _of(before, "notechondria_log_head")


def test_followers_pools_and_mails_have_figures(client: httpx.Client) -> None:
    found = _figures(client)
    assert _of(found, "notechondria_database_up") == 1
    names = {name for name, _ in found}
    assert {"notechondria_follower_lag", "notechondria_follower_silent_seconds", "notechondria_parked_streams"} <= names
    assert {"notechondria_mails_waiting", "notechondria_oldest_mail_seconds", "notechondria_pool_connections"} <= names


def test_the_dashboard_asks_for_labels_that_the_figures_have(client: httpx.Client, services: Services) -> None:
    make_person(services)
    for meter in vars(metrics).values():
        # What has not happened yet has no series; one of each shows its labels.
        if isinstance(meter, MetricWrapperBase) and meter._labelnames:
            meter.labels(*("x" for _ in meter._labelnames))
    labels: dict[str, set[str]] = {}
    for name, pairs in _figures(client):
        labels.setdefault(name, set()).update(label for label, _ in pairs)
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(asked) > 15
    for expression in asked:
        names = re.findall(r"notechondria_\w+", expression)
        assert set(names) <= set(labels), expression
        wanted = {word.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for word in group.split(",")}
        wanted |= set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", expression)) - {"instance"}
        for name in names:
            assert wanted <= labels[name], expression
        legends = [
            target.get("legendFormat", "") for panel in dashboard["panels"] for target in panel["targets"] if target["expr"] == expression
        ]
        assert {label for legend in legends for label in re.findall(r"{{\s*(\w+)\s*}}", legend)} <= wanted, expression


def test_figures_are_not_there_for_strangers(client: httpx.Client) -> None:
    assert client.get("/metrics", headers={"X-Forwarded-For": "198.51.100.4"}).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 200


def test_ready_tells_about_database_head_and_followers(client: httpx.Client, prepared: Settings) -> None:
    answer = client.get("/api/v1/ready/")
    told = answer.json()
    assert (answer.status_code, told["status"], told["database"]) == (200, "ok", True)
    follower = next(f for f in told["followers"] if f["name"] == "mail")
    assert {"kind", "lag", "silent_s", "parked", "alive"} <= set(follower)
    with psycopg.connect(prepared.conninfo(), autocommit=True) as connection:
        connection.execute("UPDATE log.reactors SET ticked_at = now() - interval '1 hour'")
        dead = client.get("/api/v1/ready/").json()
        connection.execute("UPDATE log.reactors SET ticked_at = now()")
    assert dead["status"] == "ok"
    assert not dead["well"]
    assert not next(f for f in dead["followers"] if f["name"] == "mail")["alive"]


def test_many_who_ask_at_once_cost_one_question(client: httpx.Client, prepared: Settings) -> None:
    asking = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%%FROM log.mails%%' AND wait_event_type = 'Lock'"""
    with psycopg.connect(prepared.conninfo()) as holding, psycopg.connect(prepared.conninfo(), autocommit=True) as looking:
        holding.execute("LOCK TABLE log.mails IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(20) as callers:
            answers = [callers.submit(client.get, "/api/v1/ready/") for _ in range(20)]
            while looking.execute(asking).fetchone() == (0,):
                time.sleep(0.02)
            time.sleep(0.2)
            waiting = looking.execute(asking).fetchone()
            holding.rollback()
        assert [answer.result().status_code for answer in answers] == [200] * 20
        assert waiting == (1,)


def test_not_ready_without_database_but_alive(prepared: Settings) -> None:
    nowhere = prepared.model_copy(update={"secret_key": prepared.metrics_folder})
    services = build_services(nowhere)
    services.loop_pool.conninfo = "postgresql://127.0.0.1:1/nothing"
    with serving(Door(services, area_routes())) as client:
        answer = client.get("/api/v1/ready/")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert client.get("/api/v1/health/").status_code == 200
        assert "notechondria_database_up 0.0" in client.get("/metrics").text


def test_ping_tells_the_time(client: httpx.Client) -> None:
    told = client.get("/api/v1/ping/").json()
    assert told["pong"] is True
    assert told["service"] == "notechondria-backend"
    assert told["timestamp"].endswith("+00:00")
    assert client.head("/api/v1/ping/").status_code == client.post("/api/v1/ping/").status_code == 405
