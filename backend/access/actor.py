"""Who does something: an account, a partner system, the public, or the system itself."""

from typing import Literal
from uuid import UUID

from msgspec import Struct


class Actor(Struct, frozen=True, kw_only=True):
    """The one who acts. `id` is stable and stands in the log; `name` is for people.

    regions: codes whose area (with everything below) is theirs. team_id: the team they ride with, if any. facility_id: the station,
    hospital or shelter they are of.
    only: the actions it is limited to, None for all that its roles have. An account with () may only enrol its second factor.
    """

    id: str
    name: str
    kind: Literal["account", "partner", "public", "system"]
    roles: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    team_id: UUID | None = None
    session_id: UUID | None = None
    only: tuple[str, ...] | None = None
    facility_id: UUID | None = None

    @property
    def must_enrol(self) -> bool:
        """Signed in without the second factor that the policy asks for: it can be set up, and nothing else done."""
        return self.kind == "account" and self.only == ()

    def in_log(self) -> dict[str, object]:
        """What the event log keeps: no name, since people change names and logs are read widely."""
        return {"id": self.id, "kind": self.kind, "roles": list(self.roles), "team_id": self.team_id}


PUBLIC = Actor(id="public", name="群众", kind="public", roles=("public",))
SYSTEM = Actor(id="system", name="系统", kind="system", roles=("system",))
