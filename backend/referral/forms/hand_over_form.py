"""受助人员交接单 The hand-over between two sides, as both signed it (DOMAIN §4.2). Pure. Begin at `sheet_of`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from backend.dispatch.protection import Belonging
from backend.intake.looks import AgeBand, Sex
from backend.referral.asked import Consent, ConsentGround
from backend.referral.facilities.takes import Need
from backend.referral.forms import words
from backend.referral.forms.sheet import (
    NOTHING,
    Block,
    Box,
    Heading,
    Listing,
    Pictures,
    Sheet,
    Signature,
    Signatures,
    row,
    ticked,
)

_CONSENT: Final = {"given": ("本人同意", "consents"), "not_needed": ("无须本人同意", "consent not needed")}


class Handed(Struct, frozen=True, kw_only=True):
    """One of those who were handed over. name: as it was known then, or that it was not."""

    name: str
    sex: Sex
    age_band: AgeBand
    needs: tuple[Need, ...] = ()
    note: str = ""


class Side(Struct, frozen=True, kw_only=True):
    """One of the two sides: which organisation, who signed, and how."""

    organisation: str
    person: str
    signature: Signature


class HandedOver(Struct, frozen=True, kw_only=True):
    """Everything that the form says. about: the number of the referral or of the case. place: the kind of place that was kept."""

    about: str
    giver: Side
    receiver: Side
    people: tuple[Handed, ...]
    handed_over_at: datetime
    offered_at: datetime | None = None
    arrived_at: datetime | None = None
    consent: Consent | None = None
    ground: ConsentGround | None = None
    place: str = NOTHING
    belongings: tuple[Belonging, ...] = ()
    condition: str = ""
    photos: tuple[tuple[str, str], ...] = ()


def sheet_of(facts: HandedOver, zone: ZoneInfo) -> Sheet:
    """The form. photos of it: (name of the picture, digest of what it shows)."""
    people = tuple(
        (
            str(n),
            one.name,
            words.SEX_NAMES[one.sex][0],
            words.AGE_NAMES[one.age_band][0],
            words.joined([words.needs(one.needs).replace(NOTHING, ""), one.note], "；"),
        )
        for n, one in enumerate(facts.people, 1)
    )
    blocks: list[Block] = [
        row(Box(label="移交方", text=facts.giver.organisation, width=6), Box(label="移交人", text=facts.giver.person, width=6)),
        row(Box(label="接收方", text=facts.receiver.organisation, width=6), Box(label="接收人", text=facts.receiver.person, width=6)),
        *_times(facts, zone),
        *_consent(facts),
        Listing(label="受助人员", heads=("序号", "姓名", "性别", "年龄", "特别情况"), widths=(5, 14, 5, 6, 20), lines=people),
        row(Box(label="身体状况", text=facts.condition or NOTHING), high_mm=16),
        Listing(label="随身物品", heads=("序号", "名称", "数量", "特征、编号"), widths=(5, 16, 6, 23), lines=words.things(facts.belongings)),
        *_photos(facts.photos),
        Heading(text="双方当面核对人员、随身物品无误，签字后交接完成"),
        Signatures(signatures=(facts.giver.signature, facts.receiver.signature)),
    ]  # fmt: skip
    return Sheet(
        title="受助人员交接单",
        english="Hand-over of people in need",
        house=facts.giver.organisation,
        blocks=tuple(blocks),
        basis=f"事由编号：{facts.about}",
        notes=(
            "本单由系统按双方确认的内容生成，双方各执一份，接收方归档。",
            "护送须二人以上；护送女性、未成年人须有同性别工作人员。",
        ),
    )


def _times(facts: HandedOver, zone: ZoneInfo) -> list[Block]:
    at = [(facts.offered_at, "提出时间"), (facts.arrived_at, "到达时间")]
    asked = [Box(label=label, text=words.moment(moment, zone), width=6) for moment, label in at]
    handed = Box(label="交接时间", text=words.moment(facts.handed_over_at, zone), width=6)
    if facts.offered_at is None:
        return [row(handed, Box(label="床位类别", text=facts.place, width=6))]
    return [row(*asked), row(handed, Box(label="床位类别", text=facts.place, width=6))]


def _consent(facts: HandedOver) -> list[Block]:
    if facts.consent is None:
        return []
    ground = f"（{words.GROUND_NAMES[facts.ground][0]}）" if facts.ground else ""
    box = ticked("本人意愿", _CONSENT, facts.consent)
    return [row(Box(label=box.label, ticks=box.ticks, text=ground))]


def _photos(photos: Sequence[tuple[str, str]]) -> list[Block]:
    if not photos:
        return []
    return [
        Pictures(
            label="交接照片", names=tuple(name for name, _ in photos), digests=tuple(digest for _, digest in photos)
        )
    ]
