"""`notechondria version`."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version


def version() -> None:
    """Print the version.

    Example: notechondria version
    """
    print(release())


def release() -> str:
    """The installed version, or `unknown` in a source tree that was never installed."""
    try:
        return installed_version("notechondria")
    except PackageNotFoundError:
        return "unknown"
