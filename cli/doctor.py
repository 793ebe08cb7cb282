"""`notechondria doctor`: looks at everything that the server needs and says what to do."""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import psycopg
import typer
from psycopg.rows import TupleRow
from rich.console import Console
from rich.text import Text

from cli.store import running_database
from eventstore import embedded
from eventstore.blobs import BlobStoreUnavailable
from eventstore.migrate import pending, unknown
from eventstore.server import OLDEST, server_of
from projections.health import health_now
from reactors.mail import mail_server
from settings import Settings, SettingsError, load_settings
from wiring import connections_allowed, connections_needed, due_rebuilds, open_blobs

UNMADE = "will be made at the next start"
COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


class Finding(NamedTuple):
    """What one look found. advice is empty when nothing has to be done."""

    state: Literal["ok", "warn", "fail"]
    about: str
    found: str
    advice: str = ""


def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False) -> None:
    """Check settings, data folder, database and mail. Exits with 1 when something fails.

    Example: notechondria doctor
    """
    findings = list(_examine())
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        if as_json:
            print(json.dumps(finding._asdict()))
        else:
            console.print(Text(f"{finding.state:<5}", COLORS[finding.state]), f"{finding.about:<12} {finding.found}", markup=False)
            if finding.advice:
                console.print(f"{'':<18} -> {finding.advice}", markup=False)
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


def _examine() -> Iterator[Finding]:
    yield Finding("ok", "python", sys.version.split()[0])
    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding("fail", "settings", str(error), "Correct it and run doctor again; docs/settings.md lists all variables.")
        return
    yield Finding("ok", "settings", "every value can be used")
    folder = _data_folder(settings)
    yield folder
    if settings.database_url is None and folder.state == "fail":
        return
    if settings.database_url is None and not embedded.is_made(settings.data_dir):
        yield _unmade(settings.data_dir / "postgres")
    else:
        yield from _database(settings)
    yield _files(settings)
    yield _mail(settings)


def _unmade(folder: Path) -> Finding:
    if folder.is_dir() and os.access(folder, os.R_OK) and any(folder.iterdir()):
        return Finding(
            "fail", "database", f"{folder} holds files but no database: its PG_VERSION is missing", "Bring the folder back from a backup."
        )
    return Finding("ok", "database", UNMADE)


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            "fail", "data folder", f"{folder} cannot be written to", "Give the folder to this user, or set NOTECHONDRIA_DATA_DIR."
        )
    if existing != folder:
        return Finding("ok", "data folder", f"{folder}: {UNMADE}")
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    if free < 2**30:
        return Finding("warn", "data folder", f"{folder} has only {free // 2**20} MiB left", "Make room: a full disk stops all writing.")
    return Finding("ok", "data folder", f"{folder}, {free // 2**30} GiB free")


def _database(settings: Settings) -> Iterator[Finding]:
    kind = "DATABASE_URL" if settings.database_url is not None else "embedded"
    try:
        with running_database(settings), psycopg.connect(settings.conninfo(), connect_timeout=5) as connection:
            server = server_of(connection)
            found = f"PostgreSQL {server.version} ({kind})"
            if server.is_too_old:
                yield Finding("fail", "database", found, f"PostgreSQL {OLDEST} or newer is needed: upgrade it, or unset DATABASE_URL.")
                return
            if not server.holds_all_text:
                yield Finding("fail", "database", f"{found}, encoding {server.encoding}", "Make the database anew with ENCODING 'UTF8'.")
                return
            yield Finding("ok", "database", found)
            yield _connections(connection, settings)
            missing, newer = pending(settings.conninfo()), unknown(settings.conninfo())
            if missing:
                yield Finding("warn", "migrations", f"{len(missing)} not applied yet", "They are applied at the next start of the server.")
                return
            if newer:
                advice = "A newer release has prepared this database: run its server, or restore the backup from before."
                yield Finding("warn", "migrations", f"{', '.join(newer)} not known to this release", advice)
            else:
                yield Finding("ok", "migrations", "all applied")
                yield _read_models(settings)
            yield _followers(connection)
            yield from _uploads(connection, settings)
    except (psycopg.Error, embedded.EmbeddedDatabaseError, OSError) as error:
        advice = (
            "Check DATABASE_URL and that the server runs."
            if kind == "DATABASE_URL"
            else "See the log folder inside postgres/ in the data folder."
        )
        yield Finding("fail", "database", " ".join(str(error).split()), advice)


def _connections(connection: psycopg.Connection[TupleRow], settings: Settings) -> Finding:
    allowed, needed = connections_allowed(connection), connections_needed(settings.workers)
    found = f"{allowed} allowed, {settings.workers} workers may use {needed}"
    if allowed < needed:
        return Finding("warn", "connections", found, "Raise max_connections of the database, or start fewer workers.")
    return Finding("ok", "connections", found)


def _read_models(settings: Settings) -> Finding:
    due = due_rebuilds(settings.conninfo())
    if due:
        advice = "`notechondria migrate` builds them, and so does the next start of the server."
        return Finding("warn", "read models", f"not built from the log yet: {', '.join(due)}", advice)
    return Finding("ok", "read models", "all built")


def _followers(connection: psycopg.Connection[TupleRow]) -> Finding:
    found = [follower for follower in health_now(connection).followers if follower.kind != "inline"]
    parked = [follower.name for follower in found if follower.parked]
    if parked:
        advice = "See `notechondria projections list`, and retry after the release that mends it."
        return Finding("warn", "followers", f"streams wait because of errors: {', '.join(parked)}", advice)
    silent = [follower.name for follower in found if not follower.alive]
    if silent:
        return Finding("warn", "followers", f"silent: {', '.join(silent)}", "Start the server: nothing follows the log without it.")
    return Finding("ok", "followers", f"{len(found)} alive, nothing waits")


def _uploads(connection: psycopg.Connection[TupleRow], settings: Settings) -> Iterator[Finding]:
    """Whether database and store belong together; nothing before the first start has bound them."""
    row = connection.execute("SELECT value FROM log.facts WHERE name = 'file_store'").fetchone()
    if row is None or _files(settings).state == "fail":
        return
    if not _has_store(settings):
        found = f"{settings.data_dir / 'media'} is not there, which holds this database's uploads"
        yield Finding("warn", "uploads", found, "Bring it back, from a backup if need be: the next start makes an empty one.")
        return
    try:
        marked = open_blobs(settings).owner_now()
    except BlobStoreUnavailable:
        return
    if marked == row[0]:
        yield Finding("ok", "uploads", "the store is this database's")
    else:
        found = f"the store is marked as {marked or 'nobody'}'s, this database's is {row[0]}: stray files are left there"
        yield Finding("warn", "uploads", found, "Check DATABASE_URL and where uploads are kept; see Restore in docs/operations.md.")


def _has_store(settings: Settings) -> bool:
    return bool(settings.cloudflare_r2_bucket_name or settings.attachments_url) or (settings.data_dir / "media").exists()


def _files(settings: Settings) -> Finding:
    place = settings.cloudflare_r2_bucket_name or settings.attachments_url or str(settings.data_dir / "media")
    if not _has_store(settings):
        return Finding("ok", "files", f"{place}: {UNMADE}")
    try:
        next(open_blobs(settings).list_now(), None)
    except (BlobStoreUnavailable, OSError) as error:
        return Finding("fail", "files", f"{place}: {' '.join(str(error).split())[:200]}", "Check the keys and the address of the store.")
    return Finding("ok", "files", place)


def _mail(settings: Settings) -> Finding:
    if settings.smtp_host is None:
        found = f"no mail server, mails become files in {settings.outbox}{_lying_there(settings.outbox)}"
        return Finding("warn", "mail", found, "Set SMTP_HOST and its companions to send them.")
    try:
        with mail_server(settings):
            pass
    except ssl.SSLCertVerificationError as error:
        advice = "Name the certificate that its own is signed with in SMTP_CA_FILE, and the host as the certificate names it in SMTP_HOST."
        return Finding("fail", "mail", f"{settings.smtp_host}:{settings.smtp_port}: {error.verify_message}", advice)
    except (OSError, smtplib.SMTPException) as error:
        return Finding("fail", "mail", f"{settings.smtp_host}:{settings.smtp_port}: {error}", "Check the SMTP_* settings.")
    except ValueError:
        # Its text would hold a character of the password.
        found = f"{settings.smtp_host}:{settings.smtp_port}: SMTP_USERNAME or SMTP_PASSWORD holds characters that cannot be sent"
        return Finding("fail", "mail", found, "Choose a login of letters without accents, digits and signs (ASCII).")
    return Finding("ok", "mail", f"{settings.smtp_host}:{settings.smtp_port}")


def _lying_there(outbox: Path) -> str:
    """Nobody but the operator removes them."""
    try:
        with os.scandir(outbox) as entries:
            sizes = [entry.stat().st_size for entry in entries if entry.name.endswith(".eml")]
    except OSError:
        # There is none yet, or it is another user's.
        return ""
    return f": {len(sizes)} by now, {-(-sum(sizes) // 2**20)} MiB" if sizes else ""
