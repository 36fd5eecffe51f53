"""What a reporter is asked and promised, as the city's policy has it: the dangers, whom to ring first, how long a number is kept."""

from datetime import datetime
from math import ceil
from typing import Final

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from backend.office import Office
from backend.policy import Danger, Priority

DAY_S: Final = 86_400


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


class Promises(Struct, frozen=True, kw_only=True):
    """What a reporter may rely on. contact_kept_days: so long after the case is closed their number is kept; max_photos: of one
    report; now: the office's time."""

    contact_kept_days: int
    max_photos: int
    now: datetime


@get("/api/promises", summary="报告人须知 What a reporter is promised", tags=["线索 Reports"])
async def promises(office: NamedDependency[Office], now: NamedDependency[datetime]) -> Promises:
    """联系方式保存多久、最多几张照片、系统时间；公开。 How long a number is kept, how many photos, the office's time; public."""
    policy = office.city.policy
    days = ceil(policy.retention.reporter_contact.seconds / DAY_S)
    return Promises(contact_kept_days=days, max_photos=policy.intake.max_photos, now=now)
