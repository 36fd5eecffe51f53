"""The log, searched for an audit."""

from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from backend.access.actor import Actor
from backend.dispatch.log_search import LogFilter, LogPage, search
from backend.office import Office
from backend.web import AMoment, moment


@get("/api/log/search", summary="检索日志 Search the log", tags=["审计 Audit"])
async def log_search(
    by: NamedDependency[Actor],
    office: NamedDependency[Office],
    kind: FromQuery[str | None] = None,
    who: FromQuery[str | None] = None,
    case: FromQuery[str | None] = None,
    team_id: FromQuery[UUID | None] = None,
    since: AMoment = None,
    until: AMoment = None,
    before: FromQuery[int | None] = None,
    after: FromQuery[int | None] = None,
    limit: FromQuery[int] = 50,
) -> LogPage:
    """新的在前，只含您有权查看的；`before`/`after` 为序号，向旧/向新翻页。

    Newest first, only what you may see; `before` and `after` are sequence numbers, for older and newer pages. case: a number or an id.
    """
    wanted = LogFilter(
        kind=kind,
        who=who,
        case=case,
        team_id=team_id,
        since=moment(since, "since") if since is not None else None,
        until=moment(until, "until") if until is not None else None,
        before=before,
        after=after,
        limit=limit,
    )
    async with office.db.connect() as tx:
        return await search(tx, office, by, wanted)
