"""What an export is asked for with."""

from __future__ import annotations

from typing import Annotated

from api.fields import Boolean, Model


class ExportQuery(Model):
    """What goes into the archive."""

    history: Annotated[bool, Boolean(doc="Whether to include every change ever made, as history.jsonl.")] = True
