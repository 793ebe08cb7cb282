"""`notechondria version`."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Annotated

import typer


def version(*, as_json: Annotated[bool, typer.Option("--json", help="JSON instead of the bare version.")] = False) -> None:
    """Print the version.

    Example: notechondria version
    """
    print(json.dumps({"version": release()}) if as_json else release())


def release() -> str:
    """The installed version, or `unknown` in a source tree that was never installed."""
    try:
        return installed_version("notechondria")
    except PackageNotFoundError:
        return "unknown"
