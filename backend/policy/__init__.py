"""What a city decides: deadlines, the search for teams, thresholds, dangers, roles. Read from one TOML file.

Begin at `load_policy`; the attributes are in `backend.policy.sections`, the defaults in `backend/policy_default.toml`.
"""

from backend.policy.load import DEFAULT_FILE, PolicyError, Problem, default_policy, load_policy, parse_policy
from backend.policy.permissions import ACTION_NAMES, ACTIONS, ROLE_NAMES, SCOPES, Danger, Priority, Role, Scope, Season
from backend.policy.sections import (
    Circle,
    Clocks,
    DangerRule,
    Escalation,
    Intake,
    Limits,
    Matching,
    Named,
    Outcomes,
    Phase,
    Policy,
    Protection,
    Reason,
    Referral,
    Retention,
    Search,
    SignIn,
    Weather,
    WorkingTime,
)
from backend.policy.span import Span, Unit

__all__ = [
    "ACTIONS",
    "ACTION_NAMES",
    "DEFAULT_FILE",
    "ROLE_NAMES",
    "SCOPES",
    "Circle",
    "Clocks",
    "Danger",
    "DangerRule",
    "Escalation",
    "Intake",
    "Limits",
    "Matching",
    "Named",
    "Outcomes",
    "Phase",
    "Policy",
    "PolicyError",
    "Priority",
    "Problem",
    "Protection",
    "Reason",
    "Referral",
    "Retention",
    "Role",
    "Scope",
    "Search",
    "Season",
    "SignIn",
    "Span",
    "Unit",
    "Weather",
    "WorkingTime",
    "default_policy",
    "load_policy",
    "parse_policy",
]
