"""Who may see an event: one table and one question, asked by sockets, replays and the HTTP list of events alike (I10)."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import Object, Roles, allowed

# The first part of an event's kind → the permission to see it. What stands not here is seen by nobody.
ACTIONS = {
    "case": "case:read",
    "clock": "case:read",
    "approval": "case:read",
    "search": "case:read",
    "revisit": "case:read",
    "offer": "offer:read",
    "sighting": "sighting:read",
    "team": "team:read",
    "circle": "circle:read",
    "weather": "circle:read",
    "warning": "circle:read",
    "campaign": "campaign:read",
    "sweep": "campaign:read",
    "account": "account:read",
    "session": "account:read",
    "key": "key:write",
    "look": "look:read",
    "retention": "policy:read",
    "policy": "policy:read",
    "note": "case:approve",
    "call": "contact:read",
    "facility": "facility:read",
    "referral": "referral:read",
    "stock": "stock:read",
    "person": "person:read",
    "stay": "stay:read",
    "returnee": "returnee:read",
    "document": "document:read",
    "incident": "incident:read",
}
POSITIONS = "team:read"
# Events whose rows are too many for every screen: it is told that they were, and asks for what it shows (I11).
WITHOUT_ROWS = frozenset({"sweep.laid_out"})
# Each part of the picture that a feed begins with (backend.dispatch.board.snapshot).
SNAPSHOT = {
    "cases": "case:read",
    "offers": "offer:read",
    "clocks": "case:read",
    "teams": "team:read",
    "approvals": "case:read",
    "distress_calls": "team:read",
    "referrals": "referral:read",
}


class Concerning(Protocol):
    """What of an event decides who may see it; `log.Event` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def regions(self) -> Sequence[str]: ...
    @property
    def teams(self) -> Sequence[UUID]: ...
    @property
    def facilities(self) -> Sequence[UUID]: ...


def action_of(kind: str) -> str | None:
    """The permission that seeing an event of this kind needs; None: nobody sees it."""
    return ACTIONS.get(kind.partition(".")[0])


def may_see(roles: Roles, actor: Actor, event: Concerning) -> bool:
    """Whether the actor may be told of the event, live or afterwards.

    Nobody owns an event: what `own` would decide here, the hub could not decide for several people at once.
    """
    action = action_of(event.kind)
    return action is not None and allowed(roles, actor, action, _about(event))


def _about(event: Concerning) -> Object:
    return Object(regions=event.regions, teams=event.teams, facilities=event.facilities)


def may_follow(roles: Roles, actor: Actor, *, team_id: UUID, regions: Sequence[str]) -> bool:
    """Whether the actor may see where this team, of these regions, is."""
    return allowed(roles, actor, POSITIONS, Object(regions=regions, teams=[team_id]))
