"""What a dump of the database holds."""

from __future__ import annotations

import subprocess

from eventstore.programs import program_folder


def dumped(conninfo: str, *options: str) -> str:
    """What `pg_dump` writes; bytes stand in it as hex digits."""
    command = [str(program_folder() / "pg_dump"), *options, conninfo]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
