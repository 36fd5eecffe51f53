"""The closed lists a policy file chooses from: what can be done, how far it reaches, who there is, what endangers."""

from typing import Final, Literal

Scope = Literal["own", "team", "region", "all"]
SCOPES: Final[tuple[Scope, ...]] = ("own", "team", "region", "all")  # narrow to wide

Role = Literal[
    "public",
    "driver",
    "grid_worker",
    "operator",
    "partner",
    "officer",
    "dispatcher",
    "checker",
    "shift_leader",
    "supervisor",
    "station_staff",
    "civil_affairs",
    "admin",
    "system",
]

Danger = Literal[
    "acute_illness",
    "injury",
    "unconscious",
    "mental_crisis",
    "exposure",
    "infant",
    "minor",
    "abuse",
    "trafficking",
    "domestic_violence",
    "death",
]

Priority = Literal["critical", "high", "normal"]

Season = Literal["spring", "summer", "autumn", "winter"]

ACTIONS: Final = frozenset(
    {
        "sighting:create",
        "sighting:read",
        "case:read",
        "case:accept",
        "case:refuse",
        "case:join",
        "case:split",
        "case:assign",
        "case:withdraw",
        "case:handle",
        "case:verify",
        "case:ask",
        "case:approve",
        "offer:read",
        "offer:answer",
        "offer:make",
        "team:read",
        "team:write",
        "team:duty",
        "position:write",
        "circle:read",
        "decision:read",
        "event:read",
        "feed:open",
        "account:write",
        "account:read",
        "policy:read",
        "policy:write",
        "weather:write",
        "facility:read",
        "facility:write",
        "referral:create",
        "referral:answer",
        "referral:read",
        "campaign:open",
        "campaign:read",
        "sweep:do",
        "stats:read",
        "key:write",
        "person:read",
    }
)
