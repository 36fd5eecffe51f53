"""Group commit of positions: what phones send while one batch is stored is stored together in the next."""

from collections.abc import Sequence
from itertools import chain
from uuid import UUID

from msgspec import Struct

from backend.office import Office
from backend.patrol.positions import Stored, TeamFix, store
from backend.together import Together

BATCH = 1_024
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
        stored = await store(self.office, list(chain(*(one.fixes for one in sent))), [one.team_id for one in sent])
        return [_kept(one, stored) for one in sent]


def _kept(sent: Sent, stored: Stored) -> Kept:
    """Of several phones of a team the one tells that had the newest."""
    newest, team = stored.newest.get(sent.team_id), stored.teams.get(sent.team_id)
    if team is None:
        return Kept(None, "off_duty", [])
    return Kept(newest if newest in sent.fixes else None, team.duty, team.regions)
