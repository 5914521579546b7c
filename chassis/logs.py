"""Structured logs that cannot leak: only listed keys leave the process, and no free text does.

Our own lines are `log.info("event_parked", event_id=..., queue=...)`. Lines of libraries are cut
down to where they come from; an exception to its type and the place of ours that it passed.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from chassis import metrics
from chassis.config import ROOT

KEYS = frozenset(
    {"timestamp", "level", "event", "service", "process", "logger", "at", "error", "code"}
    | {"reason", "status", "outcome", "event_id", "type", "queue", "source", "sequence"}
    | {"attempts", "count", "size", "seconds", "route", "method", "instance", "clock"}
    | {"about", "name", "state", "port", "position"}
)
log: Any = structlog.get_logger()


def configure(service: str, process: str, level: str = "INFO") -> None:
    """Sets up both our log and the libraries', one JSON object a line, on standard error."""
    structlog.configure(
        processors=[
            lambda _, __, line: {**line, "service": service, "process": process},
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _allowed,
            structlog.processors.JSONRenderer(),
            _written,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    logging.basicConfig(handlers=[_Library()], level=level, force=True)


def cause(error: BaseException) -> dict[str, str]:
    """What may be said of an exception: its type and our innermost line, never its text."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if _is_ours(f.filename)]
    place = f"{ours[-1].filename.removeprefix(f'{ROOT}/')}:{ours[-1].lineno}" if ours else ""
    return {"error": type(error).__name__, "at": place}


def _is_ours(filename: str) -> bool:
    return filename.startswith(str(ROOT)) and "site-packages" not in filename


def _allowed(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in line.items() if key in KEYS}


def _written(_: Any, __: str, line: Any) -> Any:
    """On a full disk nobody's work stops for a line: it is lost, and counted."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        metrics.LOG_LINES_LOST.inc()
    return line


class _Library(logging.Handler):
    """A library's line without its words: they may quote a message body or an address."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        getattr(log, record.levelname.lower(), log.info)(
            "library",
            logger=record.name,
            **(cause(error) if error else {}) | {"at": f"{record.module}:{record.lineno}"},
        )
