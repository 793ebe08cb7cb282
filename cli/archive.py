"""`notechondria archive`: the whole log as a file, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.progress import shown
from cli.store import fail, opened_log
from eventstore.archive import Archived, ArchiveDamaged, NotEmpty, export_archive, import_archive
from projections.catalog import ALL_PROJECTIONS
from projections.rebuild import rebuild

archive = typer.Typer(no_args_is_help=True, help="Export the whole log into a file, or import one into an empty log.")

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a sentence.")]
File = Annotated[Path, typer.Argument(help="The file; .gz at the end of its name compresses it.")]


@archive.command("export")
def export_log(file: File, *, as_json: AsJson = False) -> None:
    """Write every event into a file, with a checksum. The service may go on meanwhile.

    The file holds all that the log holds, the key for digests included: keep it as you keep the database.

    Example: notechondria archive export backup.jsonl.gz
    """
    try:
        with opened_log() as conninfo, shown("Exporting", quiet=as_json) as progress:
            done = export_archive(conninfo, file, progress)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")
    _tell("Exported", done, as_json=as_json)


@archive.command("import")
def import_log(file: File, *, as_json: AsJson = False) -> None:
    """Fill an empty log from a file, and build the read models. A damaged file is refused before anything is written.

    Stop the server first, and start it afterwards. Attachments are files of their own: copy them too.

    Example: notechondria archive import backup.jsonl.gz
    """
    try:
        with opened_log() as conninfo, shown("Importing", quiet=as_json) as progress:
            done = import_archive(conninfo, file, progress)
            rebuild(conninfo, ALL_PROJECTIONS)
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")
    except (ArchiveDamaged, NotEmpty) as error:
        fail(str(error))
    _tell("Imported", done, as_json=as_json)


def _tell(what: str, done: Archived, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"events": done.events, "head": done.head, "sha256": done.sha256}))
    else:
        print(f"{what} {done.events} events up to position {done.head}. Checksum {done.sha256}")
