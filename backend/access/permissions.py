"""One question, asked everywhere: may this actor do this action on this object?

Permissions are lines `action@scope` per role in the city's policy (`[roles]`). Scopes: `own` (made by the actor),
`team` (concerns the actor's team), `facility` (concerns the station or hospital that the actor is of), `region` (lies in the
actor's regions), `all`. Routes, sockets and replays all ask `allowed`, so that a socket cannot deliver what HTTP would
refuse (I10).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from backend.access.actor import Actor
from backend.errors import NotAllowed, NotFound

SCOPES = ("own", "team", "facility", "region", "all")
Roles = Mapping[Any, Iterable[str]]
"""Role → the lines `action@scope` that it has."""


class Object(Struct, frozen=True, kw_only=True):
    """What is asked about. regions: codes from its own up to the city. teams, facilities: those it concerns. owner: an actor id."""

    regions: Sequence[str] = ()
    teams: Sequence[UUID] = ()
    owner: str | None = None
    facilities: Sequence[UUID] = ()


ANYTHING = Object()


def scopes(roles: Roles, by: Actor, action: str) -> frozenset[str]:
    """The scopes in which the actor's roles grant the action; empty when they do not, or it is limited to others."""
    if by.only is not None and action not in by.only:
        return frozenset()
    granted = (p for role in by.roles for p in roles.get(role, ()))
    return frozenset(p.partition("@")[2] for p in granted if p.partition("@")[0] == action)


def within(scope: str, by: Actor, what: Object) -> bool:
    """Whether the object lies in this scope of the actor."""
    match scope:
        case "all":
            return True
        case "region":
            return not set(by.regions).isdisjoint(what.regions)
        case "team":
            return by.team_id is not None and by.team_id in what.teams
        case "facility":
            return by.facility_id is not None and by.facility_id in what.facilities
        case "own":
            return what.owner is not None and what.owner == by.id
    return False


def allowed(roles: Roles, by: Actor, action: str, what: Object) -> bool:
    """Whether the actor may do `action` on `what`."""
    return any(within(scope, by, what) for scope in scopes(roles, by, action))


def demand(roles: Roles, by: Actor, action: str, what: Object | None = None) -> None:
    """Raise unless allowed. Without an object: that the role has the action in any scope (the object is asked later).

    Raises NotFound instead of NotAllowed where the actor may do the action elsewhere, but not see this object.
    """
    held = scopes(roles, by, action)
    if by.must_enrol:
        raise NotAllowed(
            "您的角色须先绑定动态口令，才能继续。",
            "Your role needs a second factor: set it up first.",
            code="second_factor_needed",
        )
    if not held:
        raise NotAllowed("您的角色没有这项权限。", f"Your role does not have the permission {action}.", action=action)
    if what is not None and not any(within(scope, by, what) for scope in held):
        raise NotFound("没有找到，或不在您的管辖范围内。", "Not found, or outside what is yours.")
