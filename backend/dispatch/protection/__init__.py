"""Protection 保护规则: what law and policy ask of a handling (DOMAIN §4). Pure.

`check` lists the rules a handling does not keep, in words for an officer in the street; `consequences` says what
follows from it. One function per rule in `rules.py`.
"""

from backend.dispatch.protection.consequences import consequences
from backend.dispatch.protection.handling import (
    Belonging,
    Belongings,
    Consequence,
    Handling,
    HandOver,
    Incident,
    Outcome,
    PersonMet,
    Suspicion,
    Violation,
    Vulnerable,
)
from backend.dispatch.protection.rules import RULES, check
from backend.dispatch.protection.season import season_of

__all__ = [
    "RULES",
    "Belonging",
    "Belongings",
    "Consequence",
    "HandOver",
    "Handling",
    "Incident",
    "Outcome",
    "PersonMet",
    "Suspicion",
    "Violation",
    "Vulnerable",
    "check",
    "consequences",
    "season_of",
]
