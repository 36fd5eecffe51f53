"""The forms of a stay: 求助登记表, 自行离站声明书, 在站服务及离站登记表, 终止救助通知书, 护送返乡交接书, 落户安置申请表. Pure.

Begin at `sheet_of`; when each can be issued is in `demand_ready`. After the annexes of 民发〔2014〕132号.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from backend.errors import Conflict
from backend.referral.facilities.takes import PLACE_NAMES
from backend.referral.forms import words
from backend.referral.forms.document import KIND_NAMES, OfAStay
from backend.referral.forms.sheet import (
    NOTHING,
    Block,
    Box,
    Cut,
    Heading,
    Listing,
    Prose,
    Seal,
    Sheet,
    Signature,
    Signatures,
    row,
    ticked,
)
from backend.referral.people.person import Identity, Person
from backend.referral.signature import Drawn
from backend.referral.station.stay import (
    CAME_NAMES,
    END_NAMES,
    HOW_NAMES,
    NO_CONSENT_NAMES,
    WISH_NAMES,
    Leaving,
    Stay,
)

BASIS: Final = "依据：民发〔2014〕132号"
SETTLING: Final = "依据：民发〔2020〕14号"
UNDERSTOOD: Final = "本人已知晓救助政策和入站须知，所述情况属实，随身物品已当面清点登记，自愿接受救助。"
DECLARED: Final = (
    "本人{name}，因生活无着，自{arrived}起在贵站接受救助。现本人主动要求自行离站，去向为：{to}。",
    "贵站工作人员已告知本人救助政策、返乡乘车凭证和随身物品领取事项，并进行劝导。本人系完全民事行为能力人，离站决定出于自愿，"
    "寄存物品已全部取回。今后如再遇困难，本人知道可以再次求助。",
    "特此声明。",
)


class OfStay(Struct, frozen=True, kw_only=True):
    """What a form of a stay is made of. house, phone: as they may be said. by: the name of whoever issues it; took_in, let_leave: of
    whoever did. number: of the case that it began with."""

    stay: Stay
    person: Person
    identity: Identity
    house: str
    phone: str
    by: str
    took_in: str
    let_leave: str
    now: datetime
    case_number: int | None = None

    @property
    def leaving(self) -> Leaving | None:
        """How they left; None while they are there."""
        if self.stay.leaving:
            return msgspec.convert(self.stay.leaving, Leaving)
        return Leaving(how=self.stay.how) if self.stay.how else None

    @property
    def name(self) -> str:
        return words.name(self.identity, self.person.number)


def demand_ready(kind: OfAStay, stay: Stay) -> None:
    """Raises Conflict `not_yet` for a form about something that has not happened."""
    needed: Mapping[OfAStay, tuple[bool, str, str]] = {
        "leave_declaration": (stay.how == "left_by_self", "自行离站", "left by themselves"),
        "end_notice": (stay.how == "help_ended", "终止救助", "been told that help ends"),
        "escort_home": (stay.how == "escorted_home", "护送返乡", "been escorted home"),
        "settlement_application": (stay.settlement_at is not None, "申请落户安置", "had settlement applied for"),
    }
    happened, zh, en = needed.get(kind, (True, "", ""))
    if not happened:
        form, form_en = KIND_NAMES[kind]
        raise Conflict(
            f"该人员尚未{zh}，不能出具《{form}》。", f"They have not {en}: no {form_en} can be issued.", code="not_yet"
        )


def sheet_of(kind: OfAStay, facts: OfStay, zone: ZoneInfo) -> Sheet:
    """The form, filled in. Ask `demand_ready` first."""
    return _FORMS[kind](facts, zone)


# --- what several of them say -------------------------------------------------------------------------------------------


def _sheet(kind: OfAStay, facts: OfStay, blocks: list[Block], **rest: object) -> Sheet:
    zh, en = KIND_NAMES[kind]
    values = {"basis": BASIS, **rest}
    return msgspec.convert(
        {"title": zh, "english": en.capitalize(), "house": facts.house, "blocks": tuple(blocks), **values}, Sheet
    )


def _who(facts: OfStay, zone: ZoneInfo) -> list[Block]:
    person, identity = facts.person, facts.identity
    born = words.day(identity.born_on, zone) if identity.born_on else NOTHING
    return [
        row(
            Box(label="姓名", text=identity.name or words.UNKNOWN, width=5),
            Box(label="性别", text=words.SEX_NAMES[person.sex][0], width=3),
            Box(label="年龄", text=words.age(person, identity, facts.now), width=4),
        ),
        row(
            Box(label="出生日期", text=born, width=6),
            Box(label="登记编号", text=person.number, width=6),
        ),
        row(Box(label="证件及号码", text=words.document(identity), width=12)),
        row(Box(label="户籍或住址", text=identity.home or NOTHING)),
        row(
            Box(label="亲属", text=identity.kin or NOTHING, width=6),
            Box(label="联系电话", text=identity.kin_phone or NOTHING, width=6),
        ),
    ]


def _looks(facts: OfStay) -> list[Block]:
    person = facts.person
    return [
        row(Box(label="外貌描述", text=words.looks(person)), high_mm=14),
        row(Box(label="体貌特征", text=words.marks(person.told.marks))),
        row(
            Box(label="身份来源", text=words.source(person), width=6),
            Box(label="特殊情况", text=words.vulnerable(person), width=6),
        ),
    ]


def _came(facts: OfStay, zone: ZoneInfo) -> list[Block]:
    stay = facts.stay
    brought = f"护送、移送人：{stay.arrival.brought_by}" if stay.arrival.brought_by else ""
    case = str(facts.case_number) if facts.case_number else NOTHING
    came = ticked("来站方式", CAME_NAMES, stay.came)
    return [
        row(
            Box(label="到站时间", text=words.moment(stay.arrived_at, zone), width=6),
            Box(label="关联案卷", text=case, width=6),
        ),
        row(Box(label=came.label, ticks=came.ticks, text=brought)),
    ]


def _own(
    label: str, name: str, drawn: Drawn | None, at: datetime, zone: ZoneInfo, *, on_paper: bool = False
) -> Signature:
    """Of somebody who is not staff: with a day only where it is signed."""
    day = words.day(at, zone) if drawn is not None or on_paper else ""
    return Signature(label=label, name=name, at=day, drawn=drawn, on_paper=on_paper and drawn is None)


def _by(label: str, name: str, at: datetime, zone: ZoneInfo) -> Signature:
    return Signature(label=label, name=name, at=words.day(at, zone))


# --- the forms ----------------------------------------------------------------------------------------------------------


def _help_registration(facts: OfStay, zone: ZoneInfo) -> Sheet:
    stay, note = facts.stay, facts.stay.arrival
    blocks: list[Block] = [
        *_who(facts, zone),
        *_came(facts, zone),
        row(ticked("求助需求", WISH_NAMES, note.wishes)),
        *_looks(facts),
        row(Box(label="身体状况", text=note.condition or NOTHING), high_mm=18),
        row(Box(label="随身物品", text=note.belongings or "无"), high_mm=14),
    ]
    if stay.came != "walk_in":
        blocks.append(row(ticked("无须同意理由", NO_CONSENT_NAMES, note.no_consent)))
    asks = _own("求助人签名", facts.identity.name, note.signature, stay.arrived_at, zone)
    blocks += [
        row(Box(label="安排床位", text=PLACE_NAMES[stay.place_kind][0], width=6), Box(label="站内电话", text=facts.phone, width=6)),
        Heading(text=UNDERSTOOD),
        Signatures(signatures=(asks, _by("接待人员", facts.took_in, stay.arrived_at, zone))),
    ]  # fmt: skip
    notes = (
        "求助人因年老、年幼、残疾等原因不能提供个人情况的，先行救助，再查明情况。",
        "救助无偿，救助机构不收取任何费用。",
    )
    return _sheet("help_registration", facts, blocks, notes=notes)


def _leave_declaration(facts: OfStay, zone: ZoneInfo) -> Sheet:
    stay, leaving = facts.stay, facts.leaving
    assert leaving is not None
    assert stay.left_at is not None
    said = {"name": facts.name, "arrived": words.moment(stay.arrived_at, zone), "to": leaving.to or "未说明"}
    on_paper = leaving.declaration_signed
    signature = _own("声明人签名", facts.identity.name, leaving.signature, stay.left_at, zone, on_paper=on_paper)
    blocks: list[Block] = [
        row(
            Box(label="姓名", text=facts.name, width=5),
            Box(label="性别", text=words.SEX_NAMES[facts.person.sex][0], width=3),
            Box(label="年龄", text=words.age(facts.person, facts.identity, facts.now), width=4),
        ),
        row(Box(label="证件及号码", text=words.document(facts.identity))),
        Prose(to=facts.house, paragraphs=tuple(one.format(**said) for one in DECLARED)),
        Signatures(signatures=(signature, _by("经办人员", facts.let_leave, stay.left_at, zone))),
        row(
            Box(label="离站时间", text=words.moment(stay.left_at, zone), width=6),
            Box(label="求助电话", text=facts.phone, width=6),
        ),
        row(Box(label="备注", text=leaving.note or NOTHING), high_mm=18),
    ]
    return _sheet("leave_declaration", facts, blocks, notes=("未成年人、精神或认知障碍者不得自行离站。",))


def _stay_record(facts: OfStay, zone: ZoneInfo) -> Sheet:
    stay, leaving = facts.stay, facts.leaving
    blocks: list[Block] = [
        Heading(text="一、基本情况"),
        *_who(facts, zone),
        *_came(facts, zone),
        Heading(text="二、在站服务"),
        row(ticked("提供服务", WISH_NAMES, stay.arrival.wishes)),
        row(
            Box(label="安排床位", text=PLACE_NAMES[stay.place_kind][0], width=6),
            Box(label="延长在站至", text=words.moment(stay.prolonged_to, zone), width=6),
        ),
        row(Box(label="延长理由", text=words.joined(stay.arrival.prolonged_because, "；"))),
        row(Box(label="身体状况", text=stay.arrival.condition or NOTHING), high_mm=10),
        Listing(label="甄别寻亲", heads=("事项", "办理时间"), widths=(5, 5), lines=_searched(stay, zone), empty="无须寻亲"),
        Heading(text="三、离站"),
        *(_left(stay, leaving, zone) if leaving else [row(Box(label="离站", text="仍在站"))]),
        *_left_signed(facts, leaving, zone),
    ]  # fmt: skip
    return _sheet("stay_record", facts, blocks, notes=("救助期限一般不超过十日，延长须写明理由。",))


def _searched(stay: Stay, zone: ZoneInfo) -> tuple[tuple[str, ...], ...]:
    matched = {True: "（比中）", False: "（未比中）", None: ""}[stay.dna_matched]
    done = (
        ("发布寻亲公告", stay.notice_at),
        ("更新寻亲信息", stay.renewed_at),
        ("提请公安采集 DNA", stay.dna_requested_at),
        (f"公安答复 DNA 结果{matched}", stay.dna_answered_at),
        ("申请落户安置", stay.settlement_at),
    )
    return tuple((what, words.moment(at, zone)) for what, at in done if at is not None)


def _left(stay: Stay, leaving: Leaving, zone: ZoneInfo) -> list[Block]:
    how = ticked("离站方式", HOW_NAMES, leaving.how)
    told = f"已告知公安：{words.moment(leaving.police_told_at, zone)}" if leaving.police_told_at else NOTHING
    return [
        row(
            Box(label="离站时间", text=words.moment(stay.left_at, zone), width=6),
            Box(label="公安", text=told, width=6),
        ),
        row(how),
        row(
            Box(label="去向", text=leaving.to or NOTHING, width=6),
            Box(label="接领、接收人", text=leaving.receiver or NOTHING, width=6),
        ),
        row(
            Box(label="护送人员", text=words.joined((one.name for one in leaving.escorts), "、"), width=6),
            Box(label="乘车凭证", text=leaving.tickets or NOTHING, width=6),
        ),
        row(Box(label="备注", text=leaving.note or NOTHING), high_mm=8),
    ]


def _left_signed(facts: OfStay, leaving: Leaving | None, zone: ZoneInfo) -> list[Block]:
    stay = facts.stay
    by = _by("经办人员", facts.let_leave or facts.by, stay.left_at or facts.now, zone)
    if leaving is None:
        return [Signatures(signatures=(by,))]
    label = "接领、接收人签名" if leaving.how in ("home", "hospital", "welfare_home", "escorted_home") else "受助人签名"
    name = leaving.receiver or facts.identity.name
    signed = _own(label, name, leaving.signature, stay.left_at or facts.now, zone)
    return [Signatures(signatures=(signed, by))]


def _end_notice(facts: OfStay, zone: ZoneInfo) -> Sheet:
    stay, leaving = facts.stay, facts.leaving
    assert leaving is not None
    assert leaving.ground is not None
    assert stay.left_at is not None
    ground = END_NAMES[leaving.ground][0]
    told = (
        f"你于{words.moment(stay.arrived_at, zone)}进入本站接受救助。经查，因{ground}，根据《城市生活无着的流浪乞讨人员救助管理办法》"
        f"及其实施细则的有关规定，本站决定自{words.moment(stay.left_at, zone)}起终止对你的救助。",
        "如对本决定有异议，可向本站的上级主管民政部门申诉。今后如符合救助条件，可以再次求助。",
    )
    given = _own("受送达人签名", facts.identity.name, leaving.signature, stay.left_at, zone)
    blocks: list[Block] = [
        Prose(to=facts.name, paragraphs=told),
        Seal(house=facts.house, date=words.day(stay.left_at, zone)),
        Cut(text="送 达 回 执"),
        row(Box(label="姓名", text=facts.name, width=6), Box(label="登记编号", text=facts.person.number, width=6)),
        row(ticked("终止事由", END_NAMES, leaving.ground)),
        row(Box(label="说明", text=leaving.note or NOTHING), high_mm=12),
        Signatures(signatures=(given, _by("经办人员", facts.let_leave, stay.left_at, zone))),
    ]  # fmt: skip
    return _sheet("end_notice", facts, blocks, notes=("受送达人拒绝签名的，由经办人员在备注中写明。",))


def _escort_home(facts: OfStay, zone: ZoneInfo) -> Sheet:
    stay, leaving = facts.stay, facts.leaving
    assert leaving is not None
    assert stay.left_at is not None
    escorts = tuple((str(n), one.name, words.SEX_NAMES[one.sex][0]) for n, one in enumerate(leaving.escorts, 1))
    received = Signature(label="接收人签名（盖章）", name=leaving.receiver, drawn=leaving.signature)
    blocks: list[Block] = [
        *_who(facts, zone),
        *_looks(facts),
        Heading(text="护送"),
        row(
            Box(label="启程时间", text=words.moment(stay.left_at, zone), width=6),
            Box(label="护送到达", text=leaving.to, width=6),
        ),
        row(Box(label="乘车凭证", text=leaving.tickets)),
        Listing(label="护送人员", heads=("序号", "姓名", "性别"), widths=(1, 3, 1), lines=escorts),
        row(Box(label="随身物品", text=stay.arrival.belongings or "无"), high_mm=12),
        row(Box(label="身体状况", text=stay.arrival.condition or NOTHING), high_mm=12),
        Heading(text="接收"),
        row(
            Box(label="接收单位", text=leaving.receiver or "", width=6),
            Box(label="到达时间", text="    年  月  日  时", width=6),
        ),
        row(Box(label="接收意见", text=leaving.note), high_mm=16),
        Signatures(
            signatures=(_by("护送人签名", "、".join(one.name for one in leaving.escorts), stay.left_at, zone), received)
        ),
    ]
    notes = (
        "护送须二人以上，护送女性、未成年人须有同性别工作人员。",
        "接收方签收后一份留存，一份由护送人带回归档；返乡后由属地街道、乡镇回访。",
    )
    return _sheet("escort_home", facts, blocks, notes=notes)


def _settlement(facts: OfStay, zone: ZoneInfo) -> Sheet:
    stay = facts.stay
    assert stay.settlement_at is not None
    searched = _searched(stay, zone)
    asked = (
        f"该人员自{words.moment(stay.unknown_since, zone)}起由本站救助，经发布寻亲公告、采集 DNA 比对等方式甄别寻亲，"
        "至今无法查明身份信息，现申请落户安置。"
    )
    blocks: list[Block] = [
        *_who(facts, zone)[:2],
        *_looks(facts),
        *_came(facts, zone),
        Listing(label="寻亲经过", heads=("事项", "办理时间"), widths=(5, 5), lines=searched),
        row(Box(label="身体状况", text=stay.arrival.condition or NOTHING), high_mm=12),
        row(Box(label="申请理由", text=asked), high_mm=15),
        Signatures(
            signatures=(
                _by("经办人", facts.by, stay.settlement_at, zone),
                Signature(label="救助管理机构负责人（盖章）"),
            )
        ),
        row(Box(label="公安机关意见", text=""), high_mm=18),
        row(Box(label="民政部门意见", text=""), high_mm=18),
    ]
    return _sheet("settlement_application", facts, blocks, basis=SETTLING)


_FORMS: Final[Mapping[OfAStay, Callable[[OfStay, ZoneInfo], Sheet]]] = {
    "help_registration": _help_registration,
    "leave_declaration": _leave_declaration,
    "stay_record": _stay_record,
    "end_notice": _end_notice,
    "escort_home": _escort_home,
    "settlement_application": _settlement,
}
