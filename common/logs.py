"""Logs: one record a line, as JSON or for people, with the ids that belong to it.

``request_id``, ``job_id``, ``attempt``, ``client`` and ``user`` are bound with
``structlog.contextvars``; ``trace_id`` is a context variable that tracing sets. Secrets are
never logged, what users say only with LOG_PROMPTS (``common/redaction.py``). The records of
uvicorn, Celery and of every other library take the same way. docs/logging.md has the fields.
"""

import logging
import sys
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from common.plain_lines import plain_line
from common.redaction import Redactor

#: The trace that the current work belongs to, in hex; "" outside of one.
trace_id: ContextVar[str] = ContextVar("trace_id", default="")

#: The event of a line that exists for what users and models say, and for nothing else: it is
#: written with LOG_PROMPTS only.
SPEECH = "speech"

#: Loggers that repeat at INFO what our own lines say.
_CHATTY = ("celery.app.trace", "celery.worker.strategy", "httpx", "uvicorn.access")


@dataclass(frozen=True, slots=True)
class LogStyle:
    """How a process logs; ``secrets`` are values that must never be seen."""

    level: str = "INFO"
    plain: bool = False
    prompt_characters: int = 0  #: of what users say; 0 keeps all of it out
    secrets: tuple[str, ...] = field(default=(), repr=False)


def configure_logs(style: LogStyle, service: str) -> None:
    """Send every record of this process to stderr, errors that nobody caught too."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _Context(service),
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(style, shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(style.level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
    # What no line shows need not be found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    structlog.configure(
        processors=[
            *([] if style.prompt_characters else [_drop_speech]),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(style.level)),
        cache_logger_on_first_use=False,
    )


def _formatter(style: LogStyle, shared: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _Renderer(Redactor(style.secrets, style.prompt_characters), plain=style.plain),
        ],
    )


class _Context:
    """Adds whose process and which trace a record comes from."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _: object, __: str, event: EventDict) -> EventDict:
        trace = trace_id.get()
        about = (
            {"service": self._service, "trace_id": trace} if trace else {"service": self._service}
        )
        return {**about, **event}


class _Renderer:
    """The last step: clean the record and write it."""

    def __init__(self, redactor: Redactor, *, plain: bool) -> None:
        self._redactor = redactor
        self._json = structlog.processors.JSONRenderer()
        self._plain = plain

    def __call__(self, logger: Any, name: str, event: EventDict) -> str:
        self._redactor.fields(event)
        line = plain_line(event) if self._plain else str(self._json(logger, name, event))
        return self._redactor.text(line)


def _drop_speech(_: object, __: str, event: EventDict) -> EventDict:
    if event["event"] == SPEECH:
        raise structlog.DropEvent
    return event


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger(__name__).critical("nobody caught this", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
