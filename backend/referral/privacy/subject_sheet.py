"""What is kept on a person, laid out on paper in Chinese, on the frame that all forms have. Begin at `as_pdf`; but for that it is pure.

It is no document 文书: it has no number of its own nor a code, and nothing of it stays with us.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from backend.city import City
from backend.paper.typeset import typeset
from backend.policy import ROLE_NAMES
from backend.referral.asked import TO_NAMES
from backend.referral.forms import words
from backend.referral.forms.document import KIND_NAMES
from backend.referral.forms.printing import FORM
from backend.referral.forms.sheet import NOTHING, Block, Box, Heading, Listing, Sheet, row
from backend.referral.home import returnee
from backend.referral.incidents.states import KIND_NAMES as INCIDENT_NAMES
from backend.referral.people.person import NOBODY, SOURCE_NAMES, VULNERABILITY_NAMES
from backend.referral.privacy.subject import (
    GIVEN_NAMES,
    LEFT_OUT,
    REASON_NAMES,
    SubjectCase,
    SubjectFile,
    SubjectRecord,
    SubjectReturn,
    SubjectStay,
)
from backend.referral.states import STATE_NAMES
from backend.referral.station.deadlines import DEADLINE_NAMES
from backend.referral.station.stay import CAME_NAMES, HOW_NAMES, WISH_NAMES

BASIS: Final = "依据：《个人信息保护法》第四十五条"
LOOK_NAMES: Final[Mapping[str, str]] = {
    "file_read": "查看案卷内容", "referral_read": "查看转介内容", "person_read": "查看登记", "person_searched": "查找时出现",
    "person_photo_read": "查看照片", "document_read": "打开文书", "subject_access": "提供给本人或监护人",
    "incident_read": "查看即时上报",
}  # fmt: skip
CLOCK_STATES: Final[Mapping[str, str]] = {
    "running": "进行中", "met": "按期完成", "missed": "逾期", "cancelled": "已取消",
}  # fmt: skip
OUTCOMES: Final[Mapping[str, str]] = {
    "escorted_to_station": "护送到站", "to_hospital": "送医", "to_police": "移交公安", "to_family": "亲属接回",
    "other_department": "移交其他部门", "stays_supplies_given": "留在原地，已提供物资", "informed_and_guided": "已告知并引导",
    "not_found": "未找到", "duplicate": "重复上报",
}  # fmt: skip
SUSPICION_NAMES: Final[Mapping[str, str]] = {
    "abuse": "虐待", "abandonment": "遗弃", "trafficking": "拐卖", "domestic_violence": "家庭暴力", "other_crime": "其他侵害",
}  # fmt: skip


async def as_pdf(file: SubjectFile, city: City) -> bytes:
    """The paper. Raises Unavailable (no font, too busy)."""
    sheet = sheet_of(file, f"{city.name_zh}社会救助", city.zone)
    made = words.moment(file.made_at, city.zone)
    data = {
        "sheet": msgspec.to_builtins(sheet),
        "number": file.records[0].number,
        "keywords": [],
        "marks": [f"生成时间 Made {made}", "内容为个人信息，请妥善保管 Personal: keep it safe"],
    }
    return await typeset(FORM, data, made_at=file.made_at, pictures={"qr.svg": _NO_QR})


_NO_QR: Final = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def sheet_of(file: SubjectFile, house: str, zone: ZoneInfo) -> Sheet:
    """Everything in the file, one heading after the other."""
    left_out = tuple(f"未列入：{LEFT_OUT[code][0]}" for code in file.left_out)
    blocks: list[Block] = [
        row(
            Box(label="提供给", text=GIVEN_NAMES[file.given_to][0], width=6),
            Box(label="事由", text=REASON_NAMES[file.reason][0], width=6),
        ),
        *(block for one in file.records for block in _record(one, zone)),
        *(block for one in file.cases for block in _case(one, zone)),
        *_referrals(file, zone),
        *(block for one in file.stays for block in _stay(one, zone)),
        *_documents(file, zone),
        *(block for one in file.returns for block in _return(one, zone)),
        *_incidents(file, zone),
        *_looks(file, zone),
    ]
    return Sheet(title="个人信息查阅表", english="What is kept on a person", house=house, blocks=tuple(blocks), basis=BASIS, notes=left_out)  # fmt: skip


def _record(one: SubjectRecord, zone: ZoneInfo) -> list[Block]:
    told, identity = one.told, one.identity
    named = identity != NOBODY
    source = SOURCE_NAMES[one.identity_source][0] if one.identity_source else NOTHING
    born = f"{told.born_from or '?'}至{told.born_to or '?'}年" if told.born_from or told.born_to else NOTHING
    risks = [VULNERABILITY_NAMES[v][0] for v in told.vulnerable] + [SUSPICION_NAMES[s] for s in told.suspicions]
    photos = "、".join(words.moment(photo.taken_at, zone) for photo in one.photos)
    return [
        Heading(text=f"登记 {one.number}（{words.moment(one.created_at, zone)}）"),
        _pair("姓名", identity.name or words.UNKNOWN, "证件", words.document(identity) if named else NOTHING),
        _pair("性别", words.SEX_NAMES[one.sex][0], "年龄段", words.AGE_NAMES[one.age_band][0]),
        _pair("出生日期", words.day(identity.born_on, zone) if identity.born_on else NOTHING, "估计出生", born),
        _pair("户籍或住址", identity.home or NOTHING, "身份来源", source),
        row(Box(label="描述", text=told.description or NOTHING)),
        _pair("体貌特征", words.marks(told.marks), "身高", f"{told.height_cm}厘米" if told.height_cm else NOTHING),
        _pair("口音", told.accent or NOTHING, "来源地代码", told.origin or NOTHING),
        _pair("特殊情况", words.joined(risks, "、"), "列入易走失名单", words.moment(one.listed_at, zone)),
        row(Box(label="照片", text=f"{len(one.photos)}张：{photos}" if photos else "无")),
    ]


def _case(one: SubjectCase, zone: ZoneInfo) -> list[Block]:
    lines = tuple(
        (
            words.moment(visit.arrived_at, zone),
            OUTCOMES.get(visit.outcome or "", NOTHING),
            _said(visit.met, visit.wrote, shared=visit.is_shared),
        )
        for visit in one.visits
    )
    return [
        Heading(text=f"案卷 {one.number}（{words.moment(one.opened_at, zone)}）"),
        Listing(label="现场处置", heads=("到场时间", "结果", "记录"), widths=(4, 3, 7), lines=lines),
    ]


FIELDS: Final[Mapping[str, str]] = {
    "capacity": "行为能力", "consent": "意愿", "consent_ground": "无须同意理由", "vulnerable": "特殊情况", "suspicions": "疑似受侵害",
    "acutely_ill": "急病", "is_foreigner": "外国人", "identity_known": "身份已知", "searched": "已查找", "sex": "性别", "age_band": "年龄段",
    "info_left": "已留下求助信息", "supplies": "提供物资", "supplies_refused": "拒收物资", "persuasion": "劝导", "medical_note": "医疗情况",
    "enforcement": "执法情况", "department": "移交部门", "note": "备注", "station_told_at": "通知救助站", "medical_called_at": "呼叫急救",
    "police_told_at": "通知公安", "foreign_affairs_told_at": "通知外事部门", "hand_over": "交接", "facility": "接收单位",
    "belongings": "随身物品", "condition": "身体状况", "what": "物品", "count": "数量", "needs": "需要", "to": "去向", "tickets": "乘车凭证",
    "ground": "终止理由", "relation_checked": "已核对关系", "declaration_signed": "已签声明", "how": "方式", "address": "住址",
    "street": "街道", "region": "地区代码", "home": "居住地", "grounds": "回访理由", "index": "序号",
}  # fmt: skip
_PAIRS: Final[tuple[Mapping[Any, tuple[str, str]], ...]] = (
    words.SEX_NAMES, words.AGE_NAMES, words.NEED_NAMES, VULNERABILITY_NAMES, HOW_NAMES, returnee.NEED_NAMES,
)  # fmt: skip
VALUES: Final[Mapping[str, str]] = {
    **{code: zh for names in _PAIRS for code, (zh, _) in names.items()},
    **SUSPICION_NAMES,
    "capable": "有完全行为能力", "limited": "行为能力受限", "unknown": "不详", "given": "同意", "refused": "不同意", "not_possible": "无法表示",
    "not_asked": "未询问",
}  # fmt: skip
_UNSAID: Final = frozenset({"signature", "person_id"})


def _said(*parts: Mapping[str, Any], shared: bool = False) -> str:
    """What was written, as 名称：内容；…"""
    said = [
        f"{FIELDS.get(name, name)}：{_value(v)}"
        for part in parts
        for name, v in part.items()
        if v and name not in _UNSAID
    ]
    return words.joined([*said, "（其余记录涉及多人，未列入）" if shared else ""], "；")  # fmt: skip


def _value(value: Any) -> str:
    if value is True:
        return "是"
    if isinstance(value, Mapping):
        return _said(value)
    if isinstance(value, (list, tuple)):
        return "、".join(_value(one) for one in value)
    return VALUES.get(str(value), str(value))


def _referrals(file: SubjectFile, zone: ZoneInfo) -> Iterable[Block]:
    lines = tuple(
        (str(one.number), one.to or TO_NAMES[one.to_kind][0], words.moment(one.offered_at, zone), STATE_NAMES[one.state][0], _said(one.told))
        for one in file.referrals
    )  # fmt: skip
    heads = ("编号", "去向", "时间", "状态", "告知内容")
    return [Heading(text="转介"), Listing(label="转介", heads=heads, widths=(2, 3, 4, 2, 4), lines=lines)]


def _stay(one: SubjectStay, zone: ZoneInfo) -> list[Block]:
    clocks = tuple((DEADLINE_NAMES[k.kind][0], words.moment(k.due_at, zone), CLOCK_STATES[k.state]) for k in one.clocks)
    arrival = one.arrival
    wishes = "、".join(WISH_NAMES[wish][0] for wish in arrival.wishes)
    dna = {None: words.moment(one.dna_requested_at, zone), True: "比中", False: "未比中"}[one.dna_matched]
    return [
        Heading(text=f"在站 {one.house}（{words.moment(one.arrived_at, zone)}）"),
        _pair("来站方式", CAME_NAMES[one.came][0], "求助需求", wishes or NOTHING),
        _pair("身体状况", arrival.condition or NOTHING, "随身物品", arrival.belongings or NOTHING),
        _pair("离站时间", words.moment(one.left_at, zone), "离站方式", HOW_NAMES[one.how][0] if one.how else NOTHING),
        row(Box(label="离站记录", text=_said(one.leaving))),
        _pair("DNA", dna, "申请落户", words.moment(one.settlement_at, zone)),
        _pair("公告时间", words.moment(one.notice_at, zone), "公告内容", "；".join(_value(v) for v in one.notice.values() if v) or NOTHING),
        Listing(label="时限", heads=("事项", "到期", "状态"), widths=(4, 5, 3), lines=clocks),
    ]  # fmt: skip


def _documents(file: SubjectFile, zone: ZoneInfo) -> Iterable[Block]:
    lines = tuple(
        (one.number, KIND_NAMES[one.kind][0], one.house, words.moment(one.issued_at, zone), "已作废" if one.replaced_at else "有效")
        for one in file.documents
    )  # fmt: skip
    heads = ("编号", "种类", "机构", "出具时间", "状态")
    return [Heading(text="文书"), Listing(label="文书", heads=heads, widths=(4, 4, 3, 4, 2), lines=lines)]


def _return(one: SubjectReturn, zone: ZoneInfo) -> list[Block]:
    visits = tuple(
        (words.moment(v.done_at or v.due_at, zone), returnee.OUTCOME_NAMES[v.outcome][0] if v.outcome else "未进行", _said(v.found))
        for v in one.visits
    )  # fmt: skip
    return [
        Heading(text=f"返乡（{words.moment(one.since, zone)}）"),
        _pair("状态", returnee.STATE_NAMES[one.state][0], "回访至", words.day(one.until, zone)),
        _pair("居住地", one.region or NOTHING, "住址等", _said(one.home)),
        row(Box(label="结束说明", text=one.end_note or NOTHING)),
        Listing(label="回访", heads=("时间", "结果", "情况"), widths=(4, 4, 5), lines=visits),
    ]


def _incidents(file: SubjectFile, zone: ZoneInfo) -> Iterable[Block]:
    lines = tuple(
        (INCIDENT_NAMES[one.kind][0], words.moment(one.happened_at, zone), words.moment(one.ended_at, zone))
        for one in file.incidents
    )
    heads = ("事项", "发生时间", "结束时间")
    return [Heading(text="即时上报"), Listing(label="事项", heads=heads, widths=(4, 4, 4), lines=lines)]


def _looks(file: SubjectFile, zone: ZoneInfo) -> Iterable[Block]:
    """By day: who works with somebody opens their file many times."""
    counted = Counter(
        (words.day(one.at, zone), LOOK_NAMES.get(one.what, one.what), "、".join(ROLE_NAMES.get(r, (r,))[0] for r in one.roles))
        for one in file.looks
    )  # fmt: skip
    lines = tuple((*key, str(times)) for key, times in counted.items())
    heads = ("日期", "查看内容", "查看人岗位", "次数")
    return [Heading(text="谁查看过"), Listing(label="查看记录", heads=heads, widths=(4, 4, 4, 2), lines=lines)]


def _pair(label: str, text: str, label2: str, text2: str) -> Block:
    return row(Box(label=label, text=text, width=6), Box(label=label2, text=text2, width=6))
