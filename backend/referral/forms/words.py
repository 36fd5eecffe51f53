"""How what is known of somebody reads on a form: Chinese, as an office writes it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from backend.dispatch.protection import Belonging
from backend.intake.looks import YOUNG, AgeBand, Sex
from backend.referral.asked import ConsentGround
from backend.referral.facilities.takes import Need
from backend.referral.forms.sheet import NOTHING
from backend.referral.people.person import SOURCE_NAMES, VULNERABILITY_NAMES, BodyMark, Identity, Person

UNKNOWN: Final = "未查明"
SEX_NAMES: Final[dict[Sex, tuple[str, str]]] = {
    "male": ("男", "male"),
    "female": ("女", "female"),
    "unknown": ("不详", "unknown"),
}
AGE_NAMES: Final[dict[AgeBand, tuple[str, str]]] = {
    "infant": ("婴幼儿", "infant"),
    "child": ("儿童", "child"),
    "teen": ("少年", "teenager"),
    "adult": ("成年", "adult"),
    "old": ("老年", "old"),
    "unknown": ("不详", "unknown"),
}
NEED_NAMES: Final[dict[Need, tuple[str, str]]] = {
    "disabled": ("残疾", "disabled"),
    "hardly_mobile": ("行动不便", "hardly mobile"),
    "mental_illness": ("疑似精神障碍", "mental illness"),
    "dementia": ("认知障碍", "dementia"),
    "acutely_ill": ("急病", "acutely ill"),
    "injured": ("受伤", "injured"),
    "foreigner": ("外国人", "foreigner"),
    "pregnant": ("孕产妇", "pregnant"),
    "violence": ("疑似受侵害", "violence suspected"),
}
GROUND_NAMES: Final[dict[ConsentGround, tuple[str, str]]] = {
    "minor": ("未成年人", "a minor"),
    "danger": ("情况危急", "danger"),
    "cannot_decide": ("无法自主决定", "cannot decide"),
}
DOCUMENT_NAMES: Final = {"resident_id": "居民身份证", "passport": "护照", "other": "其他证件"}
MARK_NAMES: Final = {
    "scar": "疤痕", "tattoo": "文身", "birthmark": "胎记", "missing_limb": "肢体缺失", "deformity": "畸形",
    "teeth": "牙齿", "glasses": "眼镜", "hair": "头发", "other": "其他",
}  # fmt: skip
PART_NAMES: Final = {
    "head": "头部", "face": "面部", "neck": "颈部", "trunk": "躯干", "back": "背部", "left_arm": "左臂", "right_arm": "右臂",
    "left_hand": "左手", "right_hand": "右手", "left_leg": "左腿", "right_leg": "右腿", "unknown": "",
}  # fmt: skip


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """2016年9月19日14时30分, in the city's time; a dash where there is none."""
    if at is None:
        return NOTHING
    local = at.astimezone(zone)
    return f"{local.year}年{local.month}月{local.day}日{local.hour}时{local.minute:02d}分"


def day(at: datetime | date, zone: ZoneInfo) -> str:
    """2016年9月19日."""
    local = at.astimezone(zone) if isinstance(at, datetime) else at
    return f"{local.year}年{local.month}月{local.day}日"


def joined(parts: Iterable[str], between: str = "，") -> str:
    """What there is of it; a dash where there is nothing."""
    return between.join(part.strip() for part in parts if part.strip()) or NOTHING


def name(identity: Identity, number: str) -> str:
    """Who somebody is on paper: their name, or that it is not known and under which number they are in the register."""
    return identity.name or f"{UNKNOWN}（{number}）"


def age(person: Person, identity: Identity, at: datetime) -> str:
    """Years where the birthday is known, else about how old."""
    if identity.born_on is not None:
        had = (at.month, at.day) >= (identity.born_on.month, identity.born_on.day)
        return f"{at.year - identity.born_on.year - (0 if had else 1)}岁"
    told = person.told
    if told.born_from and told.born_to:
        return f"约{at.year - told.born_to}至{at.year - told.born_from}岁"
    return AGE_NAMES[person.age_band][0]


def document(identity: Identity) -> str:
    """居民身份证 with its number."""
    return f"{DOCUMENT_NAMES[identity.document]} {identity.id_number}" if identity.id_number else NOTHING


def marks(all_of: Sequence[BodyMark]) -> str:
    """左臂疤痕（约五厘米）；…"""
    said = [
        f"{PART_NAMES[one.where]}{MARK_NAMES[one.kind]}" + (f"（{one.words}）" if one.words else "") for one in all_of
    ]
    return joined(said, "；")


def looks(person: Person) -> str:
    """How somebody looks and speaks, in one line."""
    told = person.told
    height = f"身高约{told.height_cm}厘米" if told.height_cm else ""
    accent = f"口音：{told.accent}" if told.accent else ""
    return joined([height, accent, told.description])


def vulnerable(person: Person) -> str:
    return joined((VULNERABILITY_NAMES[one][0] for one in person.told.vulnerable), "、")


def source(person: Person) -> str:
    return SOURCE_NAMES[person.identity_source][0] if person.identity_source else NOTHING


def needs(all_of: Iterable[Need]) -> str:
    return joined((NEED_NAMES[one][0] for one in all_of), "、")


def things(belongings: Sequence[Belonging]) -> tuple[tuple[str, ...], ...]:
    """The lines of a list of belongings."""
    return tuple((str(n), one.what, str(one.count), one.note) for n, one in enumerate(belongings, 1))


def is_young(band: AgeBand) -> bool:
    return band in YOUNG
