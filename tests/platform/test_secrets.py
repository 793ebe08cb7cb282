"""After everything that secrets are used for, neither the log nor the database holds one of them."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import tempfile
import time
from email import policy
from email.parser import BytesParser
from pathlib import Path

import httpx
import psycopg

from tests.platform.test_start import COMMAND, ROOT, _environment

PASSWORD, NEXT_PASSWORD, WRONG_PASSWORD = "Velvet-harbour-31", "Copper-lantern-58", "Wrong-umbrella-77"
ADMINISTRATORS = "Granite-orchard-12"
KEY = "a-secret-key-of-the-server-4711"


def _code(outbox: Path) -> str:
    """The code in the newest mail."""
    deadline = time.monotonic() + 30
    while True:
        mails = sorted(outbox.glob("*.eml"))
        if mails:
            body = BytesParser(policy=policy.default).parsebytes(mails[-1].read_bytes()).get_content()
            mails[-1].unlink()
            found = re.search(r"\b(\d{6})\b", body)
            assert found, body
            return found[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _columns(connection: psycopg.Connection[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return connection.execute(
        "SELECT c.table_schema, c.table_name, c.column_name, c.data_type FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()


def _places(conninfo: str, secret: str) -> list[str]:
    """Columns that hold the text."""
    found = []
    with psycopg.connect(conninfo) as connection:
        for schema, table, column, kind in _columns(connection):
            holds = f'position(%s::bytea in "{column}") > 0' if kind == "bytea" else f'position(%s in "{column}"::text) > 0'
            row = connection.execute(
                f'SELECT count(*) FROM "{schema}"."{table}" WHERE {holds}'.encode(), (secret.encode() if kind == "bytea" else secret,)
            ).fetchone()
            if row is not None and row[0]:
                found.append(f"{schema}.{table}.{column}")
    return found


def test_no_secret_is_left_in_log_or_database(database_url: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    secrets: dict[str, str] = {
        "password": PASSWORD,
        "next password": NEXT_PASSWORD,
        "wrong password": WRONG_PASSWORD,
        "administrator's password": ADMINISTRATORS,
        "server's key": KEY,
    }
    with tempfile.TemporaryDirectory(prefix="ntc-") as name:
        folder = Path(name)
        environment = _environment(
            folder,
            DATABASE_URL=database_url,
            PORT=port,
            NOTECHONDRIA_LOG_LEVEL="DEBUG",
            DJANGO_SECRET_KEY=KEY,
            DJANGO_SUPERUSER_PASSWORD=ADMINISTRATORS,
        )
        log = folder / "log"
        with log.open("w") as file:
            server = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            while "  docs " not in log.read_text():
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30) as client:
                _use_secrets(client, folder / "outbox", secrets)
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
        written = log.read_text()
    assert "/auth/login/" in written
    # A time of day may hold the digits of a code by chance, after its point.
    leaks = [f"{what} in the log" for what, secret in secrets.items() if re.search(rf"(?<![\d.]){re.escape(secret)}", written)]
    leaks += [f"{what} in {place}" for what, secret in secrets.items() if not secret.isdecimal() for place in _places(database_url, secret)]
    assert not leaks
    assert _places(database_url, "ada@example.org"), "the search finds what is there"


def _use_secrets(client: httpx.Client, outbox: Path, secrets: dict[str, str]) -> None:
    email = "ada@example.org"
    registered = client.post("/auth/register/", json={"username": "ada", "email": email, "password": PASSWORD})
    assert registered.status_code == 201, registered.text
    code = secrets["code of the verification"] = _code(outbox)
    verified = client.post("/auth/verify-email/", json={"email": email, "code": code})
    assert verified.status_code == 200, verified.text
    first = secrets["first session"] = verified.json()["token"]
    client.post("/auth/login/", json={"identifier": "ada", "password": WRONG_PASSWORD})
    entered = client.post("/auth/login/", json={"identifier": "ada", "password": PASSWORD})
    second = secrets["second session"] = entered.json()["token"]
    signed_in = {"Authorization": f"Token {second}"}
    key = client.post("/auth/rotate-api-key/", headers=signed_in)
    assert key.status_code == 200, key.text
    secrets["API key"] = next(text for text in re.findall(r"ntc_[0-9a-f]{32}", key.text))
    address = client.post("/calendar-addresses/", json={}, headers=signed_in)
    assert address.status_code == 201, address.text
    calendar = secrets["calendar's address"] = next(iter(re.findall(r"/calendar/([\w-]{16,})", address.text)))
    site = client.base_url.netloc.decode()
    client.get(f"http://{site}/calendar/{calendar}.ics")
    for path in (f"/notes/?token={first}", f"/nope/?api_key={secrets['API key']}", f"/courses/?next=x&code={first}"):
        client.get(path)
    client.get("/settings/", headers={"Authorization": f"Bearer {secrets['API key']}"})
    client.get("/settings/", headers={"Authorization": f"Token {first[:-1]}0"})
    asked = client.post("/auth/password-reset/", json={"email": email})
    assert asked.status_code == 200, asked.text
    again = secrets["code of the reset"] = _code(outbox)
    reset = client.post("/auth/password-reset/confirm/", json={"email": email, "code": again, "password": NEXT_PASSWORD})
    assert reset.status_code == 200, reset.text
