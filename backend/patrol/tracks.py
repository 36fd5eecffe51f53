"""Group commit of positions: what phones send while one batch is stored is stored together in the next."""

from collections.abc import Sequence
from itertools import chain
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ARRAY, Uuid, any_, literal, select

from backend.db import presence, teams
from backend.office import Office
from backend.patrol.positions import TeamFix, store
from backend.together import Together

BATCH = 512
MOST_WAITING = 4_000


class Sent(Struct, frozen=True):
    """What one phone sent: judged fixes of one team, oldest first."""

    team_id: UUID
    fixes: Sequence[TeamFix]


class Kept(Struct, frozen=True):
    """What became of it. newest: where the team is now, if that is news; duty: the team's state; regions: the team's."""

    newest: TeamFix | None
    duty: str
    regions: list[str]


class Tracks(Together[Sent, Kept]):
    """One process's."""

    def __init__(self, office: Office) -> None:
        self.office = office
        super().__init__(self._store, at_most=BATCH, most_waiting=MOST_WAITING, name="tracks")

    async def store(self, team_id: UUID, fixes: Sequence[TeamFix]) -> Kept:
        """Once it is committed. Raises Unavailable when too many wait already."""
        return await self.done(Sent(team_id, fixes))

    async def _store(self, sent: Sequence[Sent]) -> list[Kept]:
        moved = {fix.team_id: fix for fix in await store(self.office, list(chain(*(one.fixes for one in sent))))}
        known = await self._teams([one.team_id for one in sent])
        return [
            # Of several phones of a team the one tells that had the newest.
            Kept(
                fix if (fix := moved.get(one.team_id)) in one.fixes else None, *known.get(one.team_id, ("off_duty", []))
            )
            for one in sent
        ]

    async def _teams(self, team_ids: list[UUID]) -> dict[UUID, tuple[str, list[str]]]:
        query = (
            select(presence.c.team_id, presence.c.state, teams.c.regions)
            .join(teams, (teams.c.city_id == presence.c.city_id) & (teams.c.id == presence.c.team_id))
            .where(
                presence.c.city_id == self.office.city_id,
                presence.c.team_id == any_(literal(team_ids, ARRAY(Uuid))),
            )
        )
        async with self.office.db.connect() as tx:
            return {row.team_id: (row.state, row.regions) for row in await tx.execute(query)}
