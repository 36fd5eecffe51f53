"""The figures that a department is judged by (DOMAIN §7)."""

from datetime import datetime

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from backend.access.actor import Actor
from backend.dispatch import statistics
from backend.dispatch.statistics import Bucket, FiguresOfSpan
from backend.office import Office
from backend.web import AMoment, moment


class FiguresNow(Controller):
    """统计."""

    path = "/api/figures"
    tags = ("统计 Figures",)

    @get("/", summary="考核指标 The figures of a span")
    async def figures(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        since: AMoment = None,
        until: AMoment = None,
        bucket: FromQuery[Bucket] = "hour",
        region: FromQuery[str | None] = None,
    ) -> FiguresOfSpan:
        """按到期时间归入时段，默认为今天；没有到期项的指标无值。

        By where deadlines fall due, today unless asked otherwise; a figure with nothing due has no value. By hour at most
        7 days, by day at most 92; `region`: only cases in this region, of those you may count.
        """
        midnight = now.astimezone(office.city.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        begin = moment(since, "since") if since is not None else midnight
        end = moment(until, "until") if until is not None else now
        async with office.db.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            return await statistics.figures_of(
                tx, office, by, since=begin, until=end, bucket=bucket, region=region, now=now
            )
