"""The one question of `permissions.allowed`, asked of a whole table: which rows may somebody see. Begin at `visible`."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Table, Text, Uuid, cast, false, or_, true

from backend.access.actor import Actor
from backend.access.permissions import Roles, scopes

Belongs = Callable[[UUID], ColumnElement[bool]]


def visible(
    roles: Roles,
    by: Actor,
    action: str,
    table: Table,
    *,
    team: Belongs | None = None,
    facility: Belongs | None = None,
    own: ColumnElement[bool] | None = None,
) -> ColumnElement[bool]:
    """The rows on which the actor may do `action`, as a condition on `table`: the same rule as `permissions.allowed`.

    A row belongs to its `regions`, `teams` and `facilities`; team, facility: what belongs to one of those, where it is told by other
    columns. own: which rows are the actor's own; none, if left out.
    """
    c = table.c
    found: list[ColumnElement[bool]] = []
    for scope in scopes(roles, by, action):
        if scope == "all":
            found.append(true())
        elif scope == "region" and by.regions:
            found.append(c.regions.bool_op("&&")(cast(list(by.regions), ARRAY(Text))))
        elif scope == "team" and by.team_id is not None:
            found.append((team or _named_in(table, "teams"))(by.team_id))
        elif scope == "facility" and by.facility_id is not None:
            found.append((facility or _named_in(table, "facilities"))(by.facility_id))
        elif scope == "own" and own is not None:
            found.append(own)
    return or_(false(), *found)


def _named_in(table: Table, column: str) -> Belongs:
    """Whose id stands in that column; nobody's, where the table has none."""
    if column not in table.c:
        return lambda _: false()
    return lambda whose: table.c[column].bool_op("@>")(cast([whose], ARRAY(Uuid)))
