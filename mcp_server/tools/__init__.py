"""What the tools do, by area."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Imports all areas, which registers their handlers."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
