"""The server of two processes behind a real nginx with TLS, configured by the files in deploy/nginx."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from settings import load_settings
from tests.accounts.people import make_person
from tests.platform.test_start import COMMAND, ROOT, _environment
from wiring import opened_services

pytestmark = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@pytest.fixture(scope="module")
def gateway(module_database_url: str) -> Iterator[tuple[httpx.Client, int]]:
    """A client that speaks TLS to nginx, and nginx's plain port."""
    folder = Path(tempfile.mkdtemp(prefix="ntc-"))
    folder.chmod(0o755)
    backend, plain, secure = _free_ports(3)
    configuration = folder / "nginx"
    shutil.copytree(ROOT / "deploy" / "nginx", configuration)
    shutil.copy(configuration / "tls.conf", configuration / "enabled")
    for file, changes in {
        "nginx.conf": {"app:8000": f"127.0.0.1:{backend}", "listen 8080": f"listen 127.0.0.1:{plain}", "/tmp/": f"{folder}/"},
        "enabled/tls.conf": {"listen 8443": f"listen 127.0.0.1:{secure}"},
    }.items():
        text = (configuration / file).read_text()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        (configuration / file).write_text(text)
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    (configuration / "certs").mkdir()
    certificate.private_key_pem.write_to_path(configuration / "certs" / "privkey.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(configuration / "certs" / "fullchain.pem", append=True)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    environment = _environment(
        folder,
        DATABASE_URL=module_database_url,
        NOTECHONDRIA_HOST="127.0.0.1",
        PORT=str(backend),
        NOTECHONDRIA_TRUSTED_PROXIES="127.0.0.1",
        NOTECHONDRIA_ALLOWED_HOSTS="localhost,notes.example.org",
        DJANGO_CSRF_TRUSTED_ORIGINS="https://app.example.org",
        NOTECHONDRIA_ANONYMOUS_REQUESTS_PER_MINUTE="400",
    )
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("w"))
        processes = [subprocess.Popen(["nginx", "-c", str(configuration / "nginx.conf"), "-g", "daemon off;"], stdout=log, stderr=log)]
        try:
            client = stack.enter_context(httpx.Client(base_url=f"https://localhost:{secure}", verify=trust, timeout=30))
            # The server has not been started: this is what apps are told meanwhile.
            _await(client, 503, processes, folder / "log")
            away = client.post("/api/v1/auth/login/", json={})
            assert away.json() == {"detail": "The server cannot be reached. Try again in a moment."}
            assert (away.status_code, away.headers["Content-Type"], away.headers["Retry-After"]) == (503, "application/json", "5")
            processes.append(subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=log, stderr=log))
            _await(client, 200, processes, folder / "log")
            yield client, plain
        finally:
            for process in processes:
                process.terminate()
                process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


def _await(client: httpx.Client, status: int, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if client.get("/api/v1/ready/").status_code == status:
                return
        assert all(process.poll() is None for process in processes), log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def test_the_handshake_over_tls(gateway: tuple[httpx.Client, int]) -> None:
    client, _ = gateway
    answer = client.get("/api/v1/handshake/")
    assert answer.json()["service"] == "notechondria-backend"
    assert answer.headers["Strict-Transport-Security"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "nginx/" not in answer.headers["Server"]


def test_preflights_and_cors_come_from_the_application_once(gateway: tuple[httpx.Client, int]) -> None:
    client, _ = gateway
    for answer in (
        client.options("/api/v1/notes/", headers={"Origin": "https://app.example.org", "Access-Control-Request-Method": "GET"}),
        client.get("/api/v1/notes/", headers={"Origin": "https://app.example.org"}),
    ):
        assert answer.headers.get_list("Access-Control-Allow-Origin") == ["https://app.example.org"]


def test_media_addresses_name_scheme_host_and_port_of_the_gateway(gateway: tuple[httpx.Client, int], module_database_url: str) -> None:
    client, plain = gateway
    with opened_services(load_settings(database_url=module_database_url)) as services:
        person = make_person(services)
    told = client.get("/api/v1/settings/", headers=person.headers).text
    [origin] = set(re.findall(r'"(https?://[^/"]+)/media/', told))
    assert origin == str(client.base_url).rstrip("/")
    behind_tls = {**person.headers, "X-Forwarded-Proto": "https", "Host": "notes.example.org"}
    told = httpx.get(f"http://127.0.0.1:{plain}/api/v1/settings/", headers=behind_tls).text
    assert set(re.findall(r'"(https?://[^/"]+)/media/', told)) == {"https://notes.example.org"}


def test_clients_are_told_apart_behind_the_gateway(gateway: tuple[httpx.Client, int]) -> None:
    client, _ = gateway
    answer = client.get("/api/v1/courses/", headers={"X-Forwarded-For": "203.0.113.9"})
    # What the client claims stands left of the address that nginx saw, which is 127.0.0.1, a proxy of ours.
    assert answer.headers["RateLimit-Limit"] == "400"
    assert client.get("/metrics").status_code == 404


def test_body_limits_are_the_applications_own(gateway: tuple[httpx.Client, int]) -> None:
    client, plain = gateway
    answer = client.post("/api/v1/auth/login/", content=b"{" + b" " * 2_000_000 + b"}", headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "detail" in answer.json()
    # The gateway's own limit is higher, and speaks the same language. What is too long by its own account is not even sent.
    head = b"POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", plain), timeout=20) as connection:
        connection.sendall(head)
        refused = connection.recv(65536)
    assert refused.startswith(b"HTTP/1.1 413 ")
    assert refused.endswith(b'{"detail":"The body of the request is too large."}')


def test_uploads_reach_the_server_before_they_have_all_come(gateway: tuple[httpx.Client, int]) -> None:
    _, plain = gateway
    for path in (
        "/api/v1/notes/1/attachments/",
        "/api/v1/notes/uuid/0c1f6a54-5f0e-4a9b-9b0e-3d1c8f2a7e11/attachments/",
        "/api/v1/notes/1/cover/",
    ):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 3000000\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", plain), timeout=20) as connection:
            connection.sendall(head.encode() + b"x" * 100_000)
            assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_one_address_cannot_take_all_connections(gateway: tuple[httpx.Client, int]) -> None:
    _, plain = gateway
    most = int(re.findall(r"limit_conn addresses (\d+);", (ROOT / "deploy" / "nginx" / "nginx.conf").read_text())[0])

    def unfinished(address: str) -> socket.socket:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", plain), timeout=20))
        head = f"POST /api/v1/auth/login/ HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\nContent-Length: 100\r\n\r\n{{"
        connection.sendall(head.encode())
        return connection

    with contextlib.ExitStack() as stack:
        held = [unfinished("203.0.113.5") for _ in range(most)]
        assert len(held) == most
        time.sleep(1)
        refused = unfinished("203.0.113.5").recv(65536)
        assert refused.startswith(b"HTTP/1.1 429 ")
        assert refused.endswith(b'{"detail":"Too many requests at once. Try again in a moment."}')
        other = httpx.get(f"http://127.0.0.1:{plain}/api/v1/health/", headers={"Host": "localhost", "X-Forwarded-For": "203.0.113.6"})
        assert other.status_code == 200
    time.sleep(1)
    again = httpx.get(f"http://127.0.0.1:{plain}/api/v1/health/", headers={"Host": "localhost", "X-Forwarded-For": "203.0.113.5"})
    assert again.status_code == 200


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_assistants_are_not_sent_elsewhere(gateway: tuple[httpx.Client, int], path: str) -> None:
    client, _ = gateway
    answer = client.post(path, json={"jsonrpc": "2.0", "id": 7, "method": "ping"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
