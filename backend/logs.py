"""Structured logs: one JSON object a line, with the request's id, and nothing that names a person.

Routes are logged by their pattern, never by address, since a receipt code in a path is a key to somebody's report.
"""

import logging
import sys
from typing import TextIO

import structlog

QUIET = ("uvicorn.access", "httpx", "httpcore", "asyncio", "alembic", "numba", "PIL")


def configure_logs(level: str, *, stream: TextIO | None = None) -> None:
    """Send everything, ours and the libraries', to stderr as JSON. level: debug, info, warning or error."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
