"""Prepares the database at a start, and tells what hinders it in one sentence."""

from __future__ import annotations

import psycopg

from commands.errors import Refused, sentence
from eventstore.blobs import BlobStoreUnavailable
from settings import Settings

HINDRANCES = (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
"""What an operator can mend. Everything else is a fault of ours, and shows its trace."""


class PreparationFailed(Exception):
    """The database or the data folder cannot be prepared; the text tells why."""


def prepare_for_start(settings: Settings) -> None:
    """As wiring.prepare_start. Raises PreparationFailed."""
    # Loaded when it is needed: the server does so while its database starts (cli/worker.py).
    from projections.fold import NewerEvent
    from wiring import prepare_start

    try:
        prepare_start(settings)
    except Refused as refusal:
        raise PreparationFailed(f"the configured administrator cannot be made: {sentence(refusal)}") from refusal
    except BlobStoreUnavailable as error:
        raise PreparationFailed(f"the store of uploads cannot be used: {error}") from error
    except NewerEvent as error:
        advice = "a newer release has written to this database: run its server, or restore the backup from before"
        raise PreparationFailed(f"the read models cannot be built: {error}; {advice}") from error
    except HINDRANCES as error:
        raise PreparationFailed(f"the database cannot be prepared: {' '.join(str(error).split())}") from error
    except OSError as error:
        raise PreparationFailed(f"{error.filename or 'the data folder'} cannot be used: {error.strerror or error}") from error
