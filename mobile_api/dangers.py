"""The dangers that a reporter is asked about, as the city's policy has them: what it is called and whom to ring first."""

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from backend.office import Office
from backend.policy import Danger, Priority


class DangerAsked(Struct, frozen=True):
    """A danger. call_first: the emergency numbers to ring before anything else, in order."""

    code: Danger
    zh: str
    en: str
    priority: Priority
    call_first: list[str]


@get("/api/dangers", summary="危险情形 Dangers to ask about", tags=["线索 Reports"])
async def dangers(office: NamedDependency[Office]) -> list[DangerAsked]:
    """本市规则所列，危急的在前；公开。 As the city's policy lists them, the worst first; public."""
    worst = ("critical", "high", "normal")
    rules = sorted(office.city.policy.triage.items(), key=lambda item: worst.index(item[1].priority))
    return [DangerAsked(code, rule.zh, rule.en, rule.priority, list(rule.call_first)) for code, rule in rules]
