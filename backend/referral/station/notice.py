"""寻亲公告 A search notice as it may be published: how somebody looks, where and when they were found, whom to call. Pure.

Begin at `draft`. What must not be public is left out, and `check` refuses what is typed in: numbers of documents and private phones,
illness, what is suspected, hidden places, and names. A person decides what is published; nothing goes out by itself.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from backend.errors import Invalid
from backend.referral.people.person import MARK_NAMES, PART_NAMES, Person

Line = Annotated[str, Meta(max_length=200)]


class SearchNotice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published, in Chinese. photos: ids of photos of the person. contact: the station's, not somebody's own."""

    title: Annotated[str, Meta(min_length=1, max_length=60)]
    text: Annotated[str, Meta(min_length=1, max_length=2000)]
    contact: Line = ""
    photos: Annotated[tuple[UUID, ...], Meta(max_length=6)] = ()


class Found(Struct, frozen=True, kw_only=True):
    """Where somebody was met, as far as it may be said: the district, not the spot. station, phone: None for a hidden place."""

    at: datetime
    district: str
    station: str | None
    phone: str | None


_SEX: Final = {"male": "男", "female": "女", "unknown": "性别不详"}
_AGE: Final = {
    "infant": "婴幼儿",
    "child": "儿童",
    "teen": "少年",
    "adult": "成年",
    "old": "老年",
    "unknown": "年龄不详",
}
_FORBIDDEN: Final[tuple[tuple[str, re.Pattern[str], str, str], ...]] = (
    ("document_number", re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)|(?<!\d)\d{15}(?!\d)"), "证件号码", "the number of a document"),
    ("private_phone", re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"), "个人手机号码", "a private phone number"),
    (
        "health",
        re.compile(r"精神病|精神障碍|精神分裂|抑郁|痴呆|智力|智障|弱智|艾滋|HIV|梅毒|肝炎|结核|癫痫|怀孕|孕妇|流产|吸毒|传染病|残疾"),
        "健康状况",
        "health",
    ),
    (
        "suspicion",
        re.compile(r"家暴|家庭暴力|虐待|遗弃|拐卖|被拐|性侵|强奸|卖淫|犯罪|嫌疑|前科|受害"),
        "涉案或受害情况",
        "what is suspected, or was done to them",
    ),
)  # fmt: skip


def draft(person: Person, found: Found, zone: ZoneInfo, photos: Sequence[UUID] = ()) -> SearchNotice:
    """A notice ready to be read over. Minors who may be victims, and whoever may be one of violence, are shown without photos."""
    victim = bool(person.told.suspicions)
    text = "".join(part for part in (_who(person), _looks(person), _where(found, zone, victim=victim)) if part)
    contact = "，".join(part for part in (found.station, found.phone) if part) if not victim else ""
    return SearchNotice(
        title="寻亲公告",
        text=f"{text}请知情者与{'救助管理机构' if not contact else '我们'}联系。",
        contact=contact,
        photos=() if victim else tuple(photos)[:6],
    )


def _who(person: Person) -> str:
    told = person.told
    about = [_SEX[person.sex], _AGE[person.age_band]]
    if told.born_from or told.born_to:
        about.append(f"约{told.born_from or told.born_to}至{told.born_to or told.born_from}年出生")
    if told.height_cm:
        about.append(f"身高约{told.height_cm}厘米")
    if told.accent and not _named(told.accent):
        about.append(f"{told.accent}口音")
    return "，".join(about) + "。"


def _looks(person: Person) -> str:
    marks = [
        f"{PART_NAMES[mark.where]}{MARK_NAMES[mark.kind]}"
        + (f"（{mark.words}）" if mark.words and not _named(mark.words) else "")
        for mark in person.told.marks
    ]
    return f"体貌特征：{'、'.join(marks)}。" if marks else ""


def _where(found: Found, zone: ZoneInfo, *, victim: bool) -> str:
    at = found.at.astimezone(zone)
    place = f"在{found.district}" if found.district and not victim else ""
    return f"{at.year}年{at.month}月{at.day}日{place}被发现，至今不能说明身份。"


def _named(words: str) -> list[tuple[str, str, str]]:
    return [(code, zh, en) for code, pattern, zh, en in _FORBIDDEN if pattern.search(words)]


def check(notice: SearchNotice, *, private: Sequence[str] = ()) -> None:
    """Raises Invalid `not_for_the_public` with what must not be published. private: what may stand in no notice (a hidden address,
    the reporter's name)."""
    words = f"{notice.title}\n{notice.text}"
    found = _named(words)
    everything = f"{words}\n{notice.contact}"
    hidden = ("private", "不得公开的内容", "something that must not be public")
    found += [hidden for one in private if one and one in everything]
    if found:
        zh = "、".join(dict.fromkeys(zh for _, zh, _ in found))
        en = ", ".join(dict.fromkeys(en for _, _, en in found))
        raise Invalid(
            f"公告中含有不得公开的内容：{zh}。",
            f"The notice has in it what must not be public: {en}.",
            field="notice.text",
            code="not_for_the_public",
            what=list(dict.fromkeys(code for code, _, _ in found)),
        )
