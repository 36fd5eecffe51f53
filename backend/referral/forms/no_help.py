"""不予救助通知书 Somebody came to a station and is not helped: on what ground of the closed list, and who must never be turned away. Pure.

Begin at `check`. The grounds are those of 城市生活无着的流浪乞讨人员救助管理办法实施细则 and of 民发〔2014〕132号; there is no other.
"""

from datetime import datetime
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from backend.errors import Invalid
from backend.intake.looks import YOUNG, AgeBand, Sex
from backend.referral.facilities.takes import Need
from backend.referral.forms import words
from backend.referral.forms.document import KIND_NAMES
from backend.referral.forms.sheet import (
    NOTHING,
    Block,
    Box,
    Cut,
    Prose,
    Seal,
    Sheet,
    Signature,
    Signatures,
    row,
    ticked,
)
from backend.referral.signature import Drawn

NoHelpGround = Literal[
    "can_provide", "has_support", "has_allowance", "refuses_information", "refuses_safety_check", "wants_cash_only"
]
GROUND_NAMES: Final[dict[NoHelpGround, tuple[str, str]]] = {
    "can_provide": ("自身有能力解决食宿", "can provide for themselves"),
    "has_support": ("有亲友可以投靠", "has family or friends to turn to"),
    "has_allowance": ("已享受最低生活保障或特困人员供养", "has a minimum allowance already"),
    "refuses_information": ("拒不如实提供个人情况", "will not say truly who they are"),
    "refuses_safety_check": ("拒不接受安全检查", "will not be checked for dangerous things"),
    "wants_cash_only": ("索要现金，拒不接受其他救助方式", "wants cash and nothing else"),
}
NEVER_TURNED_AWAY: Final[frozenset[Need]] = frozenset(
    {"disabled", "hardly_mobile", "mental_illness", "dementia", "acutely_ill", "injured", "pregnant", "violence"}
)
"""Help comes first, and questions afterwards (实施细则第六条)."""

Line = Annotated[str, Meta(max_length=200)]


class NoHelp(Struct, frozen=True, kw_only=True):
    """Somebody who is not helped. name: as they gave it. told: who else can help, and where; said to them and on the paper."""

    ground: NoHelpGround
    told: Annotated[str, Meta(min_length=1, max_length=300, pattern=r"\S")]
    name: Annotated[str, Meta(max_length=60)] = ""
    sex: Sex = "unknown"
    age_band: AgeBand = "unknown"
    id_number: Annotated[str, Meta(max_length=40)] = ""
    needs: Annotated[tuple[Need, ...], Meta(max_length=9)] = ()
    asked: Annotated[str, Meta(max_length=500)] = ""
    signature: Drawn | None = None


def check(wanted: NoHelp) -> None:
    """Raises Invalid `not_to_be_refused` for whom a station helps first and asks later."""
    if wanted.age_band in YOUNG or not NEVER_TURNED_AWAY.isdisjoint(wanted.needs) or wanted.age_band == "old":
        zh = "未成年人、老年人、残障、患病、受伤或疑似受侵害的人，应当先行救助，不得不予救助。"
        en = "Minors, old, disabled, ill or injured people and suspected victims are helped first: they are not turned away."
        raise Invalid(zh, en, code="not_to_be_refused", field="needs" if wanted.needs else "age_band")


def sheet_of(wanted: NoHelp, *, house: str, phone: str, by: str, now: datetime, zone: ZoneInfo) -> Sheet:
    """The notice, and the slip below that the house keeps."""
    zh, en = KIND_NAMES["no_help_notice"]
    ground = GROUND_NAMES[wanted.ground][0]
    told = (
        f"你于{words.moment(now, zone)}向本站求助。经核实，因你{ground}，根据《城市生活无着的流浪乞讨人员救助管理办法》及其实施细则的"
        "有关规定，不属于救助范围，本站决定不予救助。",
        f"你可以通过以下途径解决困难：{wanted.told}",
        f"如情况发生变化，可以再次向本站求助{f'（电话：{phone}）' if phone != NOTHING else ''}；如对本决定有异议，可向本站的上级主管民政部门申诉。",
    )
    name = wanted.name or "（未提供姓名）"
    day = words.day(now, zone)
    blocks: list[Block] = [
        Prose(to=name, paragraphs=told),
        Seal(house=house, date=day),
        Cut(text="存 根 及 送 达 回 执"),
        row(
            Box(label="姓名", text=name, width=6),
            Box(label="性别", text=words.SEX_NAMES[wanted.sex][0], width=3),
            Box(label="年龄", text=words.AGE_NAMES[wanted.age_band][0], width=3),
        ),
        row(Box(label="证件号码", text=wanted.id_number or NOTHING)),
        row(ticked("不予救助理由", GROUND_NAMES, wanted.ground)),
        row(Box(label="求助事项", text=wanted.asked or NOTHING), high_mm=12),
        Signatures(
            signatures=(
                Signature(
                    label="求助人签名", name=wanted.name, at=day if wanted.signature else "", drawn=wanted.signature
                ),
                Signature(label="接待人员", name=by, at=day),
            )
        ),
    ]
    notes = ("求助人拒绝签名的，由接待人员注明。", "未成年人、老年人、残障、患病、受伤或疑似受侵害的人，应当先行救助。")
    return Sheet(
        title=zh,
        english=en.capitalize(),
        house=house,
        blocks=tuple(blocks),
        notes=notes,
        basis="依据：民发〔2014〕132号",
    )
