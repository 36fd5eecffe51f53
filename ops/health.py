"""Is it well? /health for people and balancers, /metrics for Prometheus."""

import asyncio
import time
from datetime import datetime
from typing import Literal

import structlog
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select, text

from backend import db, log, metrics
from backend.dispatch.group_filing import Filing
from backend.live.hub import Hub
from backend.live.wire import Wire
from backend.office import Office
from backend.patrol.tracks import Tracks
from backend.steady import STEP_S, SteadyTime
from backend.stopping import Stopping
from ops import figures

WITHIN_S = 3.0
"""What takes longer to answer than this is not well."""

_log = structlog.get_logger("health")


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """degraded: what is slower or missing. database: the kind of fault when it is down, and then the figures are absent."""

    status: Literal["ok", "degraded", "stopping", "down"]
    degraded: list[str]
    database: str | None = None
    database_ms: float | None = None
    log_seq: int | None = None
    feed_behind: int | None = None
    sockets: int | None = None


@get(
    "/health",
    summary="健康状态 Health",
    tags=["运行 Running it"],
    responses={
        503: ResponseSpec(Health, generate_examples=False, description="不能，或正在停止。 It cannot, or is stopping.")
    },
)
async def health(
    office: NamedDependency[Office],
    wire: NamedDependency[Wire],
    hub: NamedDependency[Hub],
    stopping: NamedDependency[Stopping],
    steady: NamedDependency[SteadyTime],
) -> Response[Health]:
    """200 能接收报告；degraded 列出变慢的部分。503 不能，或正在停止（仍在应答，请勿再分配新请求）。

    200: reports are accepted; `degraded` says what is slower. 503: not, or stopping: it still answers, send it nobody new.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(WITHIN_S), office.db.connect() as tx:
            await tx.execute(text("SELECT 1"))
            latest = (
                await tx.execute(select(func.max(db.events.c.seq)).where(db.events.c.city_id == office.city_id))
            ).scalar()
    except Exception as fault:  # noqa: BLE001 - whatever is wrong with it, it cannot be written to
        down = Health(status="down", database=type(fault).__name__, degraded=["database"])
        return Response(down, status_code=503)
    degraded = [] if wire.is_up else ["redis"]
    if office.city.roads is None:
        degraded.append("roads")
    if abs(steady.offset_s) > STEP_S:
        degraded.append("clock")
    found = Health(
        status="stopping" if stopping.is_on else "degraded" if degraded else "ok",
        degraded=degraded,
        database_ms=round((time.monotonic() - began) * 1000, 1),
        log_seq=latest or 0,
        feed_behind=(latest or 0) - hub.seq,
        sockets=len(hub.inboxes()),
    )
    return Response(found, status_code=503 if stopping.is_on else 200)


@get("/metrics", summary="指标 Metrics", tags=["运行 Running it"], media_type="text/plain")
async def prometheus(
    office: NamedDependency[Office],
    hub: NamedDependency[Hub],
    wire: NamedDependency[Wire],
    filing: NamedDependency[Filing],
    tracks: NamedDependency[Tracks],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """Prometheus 文本格式，不含个人信息。 Prometheus text; no personal data."""
    try:
        async with asyncio.timeout(WITHIN_S), office.db.connect() as tx:
            await figures.look(tx, office, now)
            metrics.FEED_BEHIND.set(max(0, (await log.head(tx, office.city_id))[0] - hub.seq))
    except Exception as fault:  # noqa: BLE001 - the other figures are wanted most when the database is away
        _log.warning("no figures of the database", error=type(fault).__name__)
    figures.look_at_process(office, hub, wire, filing, tracks)
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
