"""How many people were helped, so that nobody can be told from the numbers."""

from datetime import datetime
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from backend.access.actor import Actor
from backend.office import Office
from backend.referral.privacy import counting
from backend.referral.privacy.counting import MONTH
from backend.referral.privacy.statistics import PeopleStatistics

AMonth = Annotated[str | None, QueryParameter(pattern=MONTH, description="月份 a month, `2016-09`")]


class PeopleCounted(Controller):
    """受助人员统计."""

    path = "/api/statistics"
    tags = ("统计 Figures",)

    @get("/people", summary="受助人员统计 People helped, counted")
    async def people(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        since: AMonth = None,
        until: AMonth = None,
    ) -> PeopleStatistics:
        """按月、按区县，只含已结束的月份；少于 5 人不公布（`<5`），可推算出它的数字也不公布（`*`）。

        By month and district, of months that are over, the last twelve unless asked otherwise, 24 at most. Fewer than five are
        not told (`<5`), nor a number by which they could be computed (`*`). Only districts that are yours as a whole.
        """
        async with office.db.connect() as connection:
            tx = await connection.execution_options(isolation_level="REPEATABLE READ")
            return await counting.statistics_for(tx, office, by, since=since, until=until, now=now)
