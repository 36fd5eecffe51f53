"""A fault in a policy, and how one says that a name is not among those that are known."""

import difflib

import msgspec

from backend.policy.where import Path


class Fault(msgspec.Struct, frozen=True):
    """A fault and the key it stands at."""

    at: Path
    zh: str
    en: str


def unlisted(at: Path, name: str, known: list[str], where: str) -> Fault:
    """The fault of a name at `at` that `where` does not list; says which one is like it."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    zh, en = f"“{name}”不在 {where} 中。", f"'{name}' is not in {where}."
    if close:
        return Fault(at, f"{zh}是否想写“{close[0]}”?", f"{en} Did you mean '{close[0]}'?")
    return Fault(at, f"{zh}可用: {', '.join(known)}。", f"{en} Known: {', '.join(known)}.")
