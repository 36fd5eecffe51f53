"""What one policy decides otherwise than another: setting by setting, and role by role. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from backend.policy.sections import Policy
from backend.policy.span import Span

NOTHING = "—"


class SettingChange(msgspec.Struct, frozen=True):
    """One setting. section, key: as the file calls them, `intake`, `rate_per_minute.web`. old, new: as the file writes them,
    "—" for what is not there."""

    section: str
    key: str
    old: str
    new: str


class RoleChange(msgspec.Struct, frozen=True):
    """What a role may do from then on, and no more: lines `thing:action@scope`."""

    role: str
    gained: list[str]
    lost: list[str]


def changes(old: Policy, new: Policy) -> list[SettingChange]:
    """Every setting that differs, in the order of the file; roles are apart."""
    before, after = dict(_settings(old)), dict(_settings(new))
    keys = dict.fromkeys([*after, *before])
    return [
        SettingChange(*key, before.get(key, NOTHING), after.get(key, NOTHING))
        for key in keys
        if before.get(key) != after.get(key)
    ]


def role_changes(old: Policy, new: Policy) -> list[RoleChange]:
    """Every role that gains or loses something."""
    found = []
    for role in dict.fromkeys([*old.roles, *new.roles]):
        before, after = set(old.roles.get(role, ())), set(new.roles.get(role, ()))
        if before != after:
            found.append(RoleChange(str(role), sorted(after - before), sorted(before - after)))
    return found


def roles_touched(old: Policy, new: Policy) -> list[str]:
    """The roles whose people may see or do something else than before, or need another way to sign in."""
    lines = {one.role for one in role_changes(old, new)}
    return sorted({*lines, *(set(old.sign_in.second_factor) ^ set(new.sign_in.second_factor))})


def _settings(policy: Policy) -> Iterator[tuple[tuple[str, str], str]]:
    for section in policy.__struct_fields__:
        if section != "roles":
            for path, value in _leaves(getattr(policy, section), ()):
                yield (section, ".".join(path)), value


def _leaves(value: Any, at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Span) or value is None:
        yield at, "beyond" if value is None else str(value)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _leaves(getattr(value, name), (*at, name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*at, str(key)))
    elif isinstance(value, tuple) and any(isinstance(item, msgspec.Struct) for item in value):
        for number, item in enumerate(value, start=1):
            yield from _leaves(item, (*at, getattr(item, "code", str(number))))
    elif isinstance(value, tuple):
        yield at, ", ".join(_shown(item) for item in value) or NOTHING
    else:
        yield at, _shown(value)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
