"""How the server writes its log: lines for people, or one JSON object per line. Secrets are masked by name."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from settings import Settings

SECRET_NAME = re.compile(r"password|secret|token|api_?key|authorization|cookie|database_url|conninfo|\bcode\b", re.IGNORECASE)
SECRET_TEXT = re.compile(r"(\bntc_|\b(?:Bearer|Token) |://[^/:@\s]*:)[^\s@\"']+")
MASK = "***"
COLORS = {logging.CRITICAL: "\x1b[31m", logging.WARNING: "\x1b[33m", logging.INFO: "\x1b[36m"}
PLAIN = "\x1b[0m"
SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
PROCESSORS: list[Processor] = [*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
"""One list for the whole process: loggers keep the one they met first, so a later configuration must not bring another."""


def mask_secrets(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Covers values whose name says secret, and keys, tokens and passwords of addresses inside texts."""
    return {name: _masked(name, value) for name, value in entry.items()}


def _masked(name: str, value: Any) -> Any:
    if value and SECRET_NAME.search(name):
        return MASK
    if isinstance(value, str):
        return SECRET_TEXT.sub(rf"\1{MASK}", value)
    if isinstance(value, Mapping):
        return {key: _masked(str(key), inner) for key, inner in value.items()}
    return value


def configure_logging(settings: Settings) -> None:
    """Sends everything, also what libraries log, to standard error in one format."""
    last: list[Processor]
    if settings.log_format == "json":
        last = [structlog.processors.format_exc_info, mask_secrets, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        last = [structlog.processors.format_exc_info, mask_secrets, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    _write_access_lines(settings)
    for chatty in ("httpx", "httpcore", "psycopg.pool", "uvicorn.error", "markdown_it"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class AccessFormatter(logging.Formatter):
    """Time, level, and the line about a request; red, yellow or cyan by its level. color: whether the line carries escape codes."""

    converter = staticmethod(time.gmtime)

    def __init__(self, *, color: bool) -> None:
        super().__init__()
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = record.getMessage()
        if self._color:
            line = f"{COLORS[record.levelno]}{line}{PLAIN}"
        return f"{self.formatTime(record)} {record.levelname:<8}  {line}  request_id={record.__dict__['request_id']}"


def _write_access_lines(settings: Settings) -> None:
    """One line per request is most of the log: as plain text it takes the short way, its secrets were left out where it was made."""
    access = logging.getLogger("notechondria.access")
    access.handlers.clear()
    access.propagate = settings.log_format == "json"
    if not access.propagate:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(AccessFormatter(color=settings.access_log_force_color or sys.stderr.isatty()))
        access.addHandler(handler)
