"""Structured logs: one JSON object a line, ids and states in it, never names or lines of script."""

import logging
import sys
from pathlib import Path

import structlog

from app.config import settings


def configure(file: Path | None = None) -> None:
    """Send every log line of this process, ours and the libraries', to stderr or a file as JSON.

    The latest call decides level and place for every logger, also for those that have spoken
    before: so none is cached on its first use.
    """
    level = getattr(logging, settings().log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.FileHandler(file) if file else logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for client in ("httpx", "httpcore"):  # they write whole URLs, and links carry their seals
        logging.getLogger(client).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # paths carry ids; we log acts
