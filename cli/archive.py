"""`notechondria archive`: the whole log as a file, and back."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cli.progress import shown
from cli.stopping import stopped_status
from cli.store import fail, opened_log
from eventstore.archive import (
    Archived,
    ArchiveDamaged,
    NoPlace,
    NotEmpty,
    NotExportable,
    check_archive,
    export_archive,
    import_archive,
    place_of,
    require_empty,
    reserved,
)
from eventstore.blob_archive import Copied, blob_folder, export_blobs, import_blobs, listed_blobs
from eventstore.blobs import BlobStoreUnavailable
from projections.catalog import ALL_PROJECTIONS
from projections.rebuild import rebuild
from reactors.files import take_over_store
from settings import Settings
from wiring import open_blobs, opened_services

archive = typer.Typer(no_args_is_help=True, help="Export the whole log into a file, or import one into an empty log.")

KEY_ELSEWHERE = (
    "The key for digests is that of the settings (DJANGO_SECRET_KEY) and not in the file: keep it as well, else sessions and API keys"
    " are not known any more where the file is imported."
)

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a sentence.")]
WithFiles = Annotated[bool, typer.Option("--files/--no-files", help="Include the uploaded files, in the folder FILE.files.")]
File = Annotated[Path, typer.Argument(help="The file; a name ending in .gz means compressed.")]


@archive.command("export")
def export_log(file: File, *, with_files: WithFiles = True, as_json: AsJson = False) -> None:
    """Write every event into a file and the uploaded files into a folder beside it, with checksums. The server may keep running.

    The file holds all that the log holds, the key for digests included unless the settings name one: keep it as you keep the
    database. Exported again to the same place, only new uploads are copied.

    Example: notechondria archive export backup.jsonl.gz
    """
    done = copied = None
    try:
        with opened_log() as settings, reserved(file):
            own_key = settings.secret_key is not None
            with shown("Exporting events", quiet=as_json) as progress:
                done = export_archive(settings.conninfo(), file, progress)
            if with_files:
                with shown("Exporting files", quiet=as_json) as progress:
                    copied = export_blobs(open_blobs(settings), blob_folder(file), progress)
    except OSError as error:
        fail(f"{_known(error, file)} cannot be written: {error.strerror}.")
    except NoPlace as error:
        fail(str(error))
    except BlobStoreUnavailable as error:
        fail(f"The uploaded files cannot be read: {error}")
    except NotExportable as error:
        fail(f"{error} (notechondria events verify tells all that is wrong)")
    except KeyboardInterrupt:
        if done is None:
            fail("Stopped; nothing was changed.", stopped_status())
        fail(f"Stopped; {file} holds all events, but not all uploaded files lie beside it: export again.", stopped_status())
    _tell("Exported", done, copied, as_json=as_json)
    if own_key:
        print(KEY_ELSEWHERE, file=sys.stderr)


@archive.command("import")
def import_log(file: File, *, with_files: WithFiles = True, as_json: AsJson = False) -> None:
    """Fill an empty log from a file, and build the read models. A damaged file is refused before anything is written.

    Stop the server first, and start it afterwards. The uploaded files are taken from the folder beside the file.

    Example: notechondria archive import backup.jsonl.gz
    """
    copied = None
    try:
        # Else the first to be missed would be the list of the files beside it.
        file.open("rb").close()
        with opened_log() as settings:
            require_empty(settings.conninfo())
            try:
                check_archive(file)
                if with_files:
                    with shown("Importing files", quiet=as_json) as progress:
                        copied = import_blobs(open_blobs(settings), blob_folder(file), progress)
                with shown("Importing events", quiet=as_json) as progress:
                    done = import_archive(settings.conninfo(), file, progress)
                    rebuild(settings.conninfo(), ALL_PROJECTIONS)
                if with_files:
                    with opened_services(settings) as services:
                        take_over_store(services, listed_blobs(blob_folder(file)))
            except KeyboardInterrupt:
                _tell_stopped(settings)
    except OSError as error:
        fail(f"{_known(error, file)} cannot be read: {error.strerror}.")
    except (ArchiveDamaged, NotEmpty, BlobStoreUnavailable) as error:
        fail(str(error))
    _tell("Imported", done, copied, as_json=as_json)


def _known(error: OSError, file: Path) -> str | Path:
    """The file that an error is about; of those that are only there meanwhile, the one that the operator knows."""
    name = file if error.filename is None else Path(os.fsdecode(error.filename))
    return file if name.name.startswith((f".{file.name}.", f".{place_of(file).name}.")) else name


def _tell_stopped(settings: Settings) -> NoReturn:
    # Asked, not remembered: only the database knows whether the last commit has come about.
    try:
        require_empty(settings.conninfo())
    except NotEmpty:
        then = "the read models are built by `notechondria migrate` or at the next start of the server"
        fail(f"Stopped; the log is imported as a whole, {then}.", stopped_status())
    fail("Stopped; no event was imported.", stopped_status())


def _tell(what: str, done: Archived, copied: Copied | None, *, as_json: bool) -> None:
    if as_json:
        files = {} if copied is None else {"files": copied.files, "bytes": copied.size}
        print(json.dumps({"events": done.events, "head": done.head, "sha256": done.sha256, **files}))
        return
    print(f"{what} {done.events} events up to position {done.head}. Checksum {done.sha256}")
    if copied is not None:
        print(f"{what} {copied.files} files, {copied.size} bytes.")
