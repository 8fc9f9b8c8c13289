"""Logs: one JSON object a line on standard error, for programs and for people who grep.

No private text goes into a log: a message names codes, ids and counts, a traceback types and places.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

_CHATTY = ("alembic", "faust", "mode", "uvicorn")
"""What tells at INFO of each step of its own, which is nobody's business unless it goes wrong."""

_TOLD_IN_OUR_WORDS = ("aiokafka", "kafka")
"""A broker that is away makes these say so several times a second; who waits for it says it once, and what to do."""


class JsonLines(logging.Formatter):
    """A record as one line: time, level, logger, message, the extra fields, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            line["traceback"] = _told(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def _told(error: BaseException | None) -> str:
    """Types and places of an error and of what led to it, the last first; its texts may hold what people wrote."""
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{type(error).__module__}.{type(error).__qualname__}\n{frames}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "because of ".join(parts).rstrip()


def set_up_logs(level: str) -> None:
    """Send everything from `level` up to standard error. Called once, by the composition root."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    for name in _TOLD_IN_OUR_WORDS:
        logging.getLogger(name).setLevel(logging.CRITICAL if root.level > logging.DEBUG else logging.DEBUG)
    logging.getLogger("uvicorn.access").disabled = True  # a line a request is the metrics' business
