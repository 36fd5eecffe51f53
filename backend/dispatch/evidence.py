"""Evidence 核查依据: what the rule asks for of a handled case, laid beside what there really is. Pure.

Begin at `checklist`. Nothing is decided here: a checker reads it and passes the case or sends it back.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct

from backend.dispatch.protection import Handling
from backend.dispatch.protection.handling import SIGNATURES
from backend.geo.place import LonLat, distance_m
from backend.policy import Policy

State = Literal["ok", "missing", "doubtful", "not_needed"]
Code = Literal[
    "place", "track", "on_time", "stay", "order", "photo", "hand_over", "consent", "help_left", "call_back"
]  # fmt: skip
CODES: Final[dict[Code, tuple[str, str]]] = {
    "place": ("到场位置", "Place of arrival"),
    "track": ("队伍轨迹", "The team's own track"),
    "on_time": ("到场时限", "There in time"),
    "stay": ("现场停留", "Time on the spot"),
    "order": ("时间先后", "Order of times"),
    "photo": ("现场照片", "Photo of the spot"),
    "hand_over": ("交接签收", "Hand-over"),
    "consent": ("本人意愿", "Consent"),
    "help_left": ("留下的帮助", "Help left behind"),
    "call_back": ("电话回访", "Call-back"),
}
_TAKEN: Final = frozenset({"escorted_to_station", "to_family"})
_LEFT_THERE: Final = frozenset({"informed_and_guided", "stays_supplies_given"})
_HANDED_OVER: Final = frozenset({"escorted_to_station", "to_hospital", "to_police", "to_family"})
LOW: Final = 2
"""A reporter this little satisfied is a doubt about what was done."""


class TrackPoint(Struct, frozen=True):
    """Where the team was, in WGS-84 degrees."""

    at: datetime
    lon: float
    lat: float


class Seen(Struct, frozen=True, kw_only=True):
    """What there is about one visit. arrived_place: None without a fix; late_entry_s: from its happening to its entry,
    at the most; arrival_told_s: the same of the arrival alone.

    phone_off_s: by how much the crew's phone was wrong, where that is worth telling (ahead: positive); times are put right.
    photos: when each photo of its sightings came in; scene: when the crew took each of the spot; signatures: how many of this
    hand-over are there as drawn. due_at, met_at: the clock of being on the spot. called: reached and satisfied
    of each try; call_backs: how many reporters asked for one and how many have been reached.
    """

    place: LonLat
    arrived_place: LonLat | None
    accuracy_m: float | None
    reason_given: bool
    accepted_at: datetime | None
    due_at: datetime | None
    arrived_at: datetime
    handled_at: datetime | None
    late_entry_s: float
    arrival_told_s: float
    phone_off_s: int | None
    track: Sequence[TrackPoint]
    photos: Sequence[datetime]
    scene: Sequence[datetime]
    signatures: int
    record: Handling | None
    asked_back: int = 0
    reached: int = 0
    tries: int = 0
    least_satisfied: int | None = None


class Item(Struct, frozen=True, kw_only=True):
    """One thing that the rule asks for. facts: numbers and codes behind the words, names carry units."""

    code: Code
    state: State
    title_zh: str
    title_en: str
    zh: str
    en: str
    facts: dict[str, Any] = {}


Found = tuple[State, str, str, dict[str, Any]]
Rule = Callable[[Seen, Policy], Found]


def checklist(seen: Seen, policy: Policy) -> list[Item]:
    """Every item, in the order a checker looks at them."""
    return [_item(code, rule(seen, policy)) for code, rule in RULES]


def _item(code: Code, found: Found) -> Item:
    (state, zh, en, facts), (title_zh, title_en) = found, CODES[code]
    return Item(code=code, state=state, title_zh=title_zh, title_en=title_en, zh=zh, en=en, facts=facts)


def place(seen: Seen, policy: Policy) -> Found:
    """How far from the case's place the team said it had arrived, and how that is known."""
    if seen.arrived_place is None:
        known = {"known_by": "none", "reason_given": seen.reason_given}
        return "doubtful", "到场时没有定位，只有文字说明。", "Arrived without a position, with words only.", known
    off_m = round(distance_m(seen.arrived_place, seen.place))
    facts = {"known_by": "fix", "distance_m": off_m, "accuracy_m": seen.accuracy_m, "reason_given": seen.reason_given}
    near_m = policy.verification.near_m + (seen.accuracy_m or 0.0)
    if off_m <= near_m:
        return "ok", f"到场定位距案卷位置 {off_m} 米。", f"{off_m} m from the case's place by the phone's fix.", facts
    why = ("，已写明原因", ", with a reason") if seen.reason_given else ("", "")
    zh = f"到场定位距案卷位置 {off_m} 米，超过 {near_m:.0f} 米{why[0]}。"
    return "doubtful", zh, f"{off_m} m from the case's place, more than {near_m:.0f} m{why[1]}.", facts


def track(seen: Seen, policy: Policy) -> Found:
    """Whether the positions that the team sent by itself were there."""
    near_m = policy.verification.near_m
    away_m = [distance_m(LonLat(point.lon, point.lat), seen.place) for point in seen.track]
    there = [point.at for point, off_m in zip(seen.track, away_m, strict=True) if off_m <= near_m]
    facts: dict[str, Any] = {"points": len(seen.track), "points_near": len(there)}
    if not seen.track:
        return "missing", "这段时间没有队伍轨迹。", "There is no track of the team for that time.", facts
    facts |= {"nearest_m": round(min(away_m))}
    if not there:
        zh = f"队伍轨迹最近处距案卷位置 {facts['nearest_m']} 米，未到现场。"
        return "doubtful", zh, f"The track came no nearer than {facts['nearest_m']} m.", facts
    facts |= {"near_s": (max(there) - min(there)).total_seconds()}
    zh = f"队伍轨迹经过现场（最近 {facts['nearest_m']} 米，{len(there)} 个点）。"
    return "ok", zh, f"The track was there ({facts['nearest_m']} m at the nearest, {len(there)} fixes).", facts


def on_time(seen: Seen, _: Policy) -> Found:
    """On the spot before the clock ran out; suspended time does not count."""
    if seen.due_at is None or seen.accepted_at is None:
        return "not_needed", "没有到场时限。", "No clock ran.", {}
    took_min = (seen.arrived_at - seen.accepted_at).total_seconds() / 60
    late_s = (seen.arrived_at - seen.due_at).total_seconds()
    facts = {"took_s": took_min * 60, "due_at": seen.due_at, "arrived_at": seen.arrived_at, "late_s": max(late_s, 0.0)}
    if late_s < 0:
        told = _told_after_the_deadline(seen, -late_s)
        facts |= {"told_after_deadline": bool(told[0])}
        zh, en = f"派遣后 {took_min:.0f} 分钟到场{told[0]}。", f"There {took_min:.0f} min after acceptance{told[1]}."
        return "ok", zh, en, facts
    zh = f"派遣后 {took_min:.0f} 分钟到场，超时 {late_s / 60:.0f} 分钟。"
    return "doubtful", zh, f"There after {took_min:.0f} min, {late_s / 60:.0f} min late.", facts


def _told_after_the_deadline(seen: Seen, left_s: float) -> tuple[str, str]:
    """Words for an arrival in time of which we heard when its clock was over; empty for any other."""
    if seen.arrival_told_s <= left_s:
        return "", ""
    minutes = seen.arrival_told_s / 60
    return f"（{minutes:.0f} 分钟后、时限已过才上报）", f" (told {minutes:.0f} min later, after the deadline)"


def stay(seen: Seen, policy: Policy) -> Found:
    """Long enough on the spot to have spoken with somebody."""
    if seen.handled_at is None:
        return "missing", "还没有处置时间。", "There is no time of handling.", {}
    stayed_s = (seen.handled_at - seen.arrived_at).total_seconds()
    least = policy.verification.stay_at_least
    facts = {"stayed_s": stayed_s, "at_least_s": least.seconds}
    zh, en = f"现场停留 {stayed_s / 60:.0f} 分钟", f"{stayed_s / 60:.0f} min on the spot"
    if stayed_s >= least.seconds:
        return "ok", f"{zh}。", f"{en}.", facts
    return "doubtful", f"{zh}，不足 {least.zh}。", f"{en}, less than {least.en}.", facts


def order(seen: Seen, policy: Policy) -> Found:
    """The times follow each other, and were not entered long afterwards."""
    moments = [at for at in (seen.accepted_at, seen.arrived_at, seen.handled_at) if at is not None]
    facts = {"accepted_at": seen.accepted_at, "arrived_at": seen.arrived_at, "handled_at": seen.handled_at}
    facts |= {"entered_late_s": seen.late_entry_s, "phone_clock_off_s": seen.phone_off_s}  # type: ignore[dict-item]
    if moments != sorted(moments):
        return "doubtful", "派遣、到场、处置的时间先后不对。", "Dispatch, arrival and handling are out of order.", facts
    if seen.late_entry_s > policy.verification.entered_within.seconds:
        hours = seen.late_entry_s / 3600
        return "doubtful", f"事后 {hours:.1f} 小时才补录。", f"Entered {hours:.1f} h after it happened.", facts
    if seen.phone_off_s is not None:
        minutes, ahead = abs(seen.phone_off_s) / 60, seen.phone_off_s > 0
        zh = f"手机时钟{'快' if ahead else '慢'} {minutes:.0f} 分钟，时间按系统时间校正，请核对。"
        en = f"The phone's clock was {minutes:.0f} min {'ahead' if ahead else 'behind'}; the times were put right: look at them."
        return "doubtful", zh, en, facts
    return "ok", "派遣、到场、处置先后相符。", "Dispatch, arrival and handling follow each other.", facts


def photo(seen: Seen, policy: Policy) -> Found:
    """Photos of the spot by the crew, or any that came in since the arrival, where the outcome asks for one."""
    crew, others = len(seen.scene), sum(at >= seen.arrived_at for at in seen.photos)
    said = seen.record.photos if seen.record else 0
    facts = {"photos": len(seen.photos) + crew, "since_arrival": crew + others, "scene": crew, "said": said}
    if said > crew:
        zh, en = f"记录说拍了 {said} 张，系统中有 {crew} 张。", f"The record speaks of {said} photo(s); {crew} came in."
        return "doubtful", zh, en, facts
    if crew:
        return "ok", f"队伍拍了 {crew} 张现场照片。", f"{crew} photo(s) of the spot by the crew.", facts
    if others:
        return "ok", f"到场后有 {others} 张照片。", f"{others} photo(s) since the arrival.", facts
    if seen.record and seen.record.outcome in policy.verification.photo_outcomes:
        return "missing", "该处置结果应有现场照片。", "This outcome asks for a photo of the spot.", facts
    return "not_needed", "该处置结果不要求照片。", "This outcome asks for no photo.", facts


def hand_over(seen: Seen, _: Policy) -> Found:
    """Into whose hands somebody was given, and who signed."""
    h = seen.record
    if h is None or h.outcome not in _HANDED_OVER:
        return "not_needed", "没有移交人员。", "Nobody was handed over.", {}
    if h.outcome == "to_police":
        return _told_police(h)
    if h.outcome == "to_family":
        ok = h.family_relation_checked
        words = ("已核实亲属关系。", "Family was checked.") if ok else ("未核实亲属关系。", "Family was not checked.")
        return "ok" if ok else "missing", *words, {"family_relation_checked": ok}
    paper = h.hand_over
    if paper is None or not paper.facility.strip():
        return "missing", "没有写明交给哪家机构。", "Where to is not written.", {}
    facts = {"facility": paper.facility, "receiver": paper.receiver}
    facts |= {"signed_by_crew": paper.signed_by_crew, "signed_by_receiver": paper.signed_by_receiver}  # type: ignore[dict-item]
    facts |= {"signatures": seen.signatures}  # type: ignore[dict-item]
    to_zh, to_en = (
        f"交 {paper.facility} {paper.receiver}".strip(),
        f"To {paper.facility}, {paper.receiver or 'nobody named'}",
    )
    if paper.signed_by_crew and paper.signed_by_receiver:
        drawn = ("，签字可查看", ", as drawn") if seen.signatures == len(SIGNATURES) else ("", "")
        return "ok", f"{to_zh}，双方已签字{drawn[0]}。", f"{to_en}; both signed{drawn[1]}.", facts
    needs = h.outcome == "escorted_to_station" and any(p.needs_escort or p.capacity == "limited" for p in h.people)
    return "missing" if needs else "doubtful", f"{to_zh}，签字不全。", f"{to_en}; not signed by both.", facts


def _told_police(h: Handling) -> Found:
    facts = {"police_told_at": h.police_told_at, "police_told_by": h.police_told_by}
    if h.police_told_at is not None and h.police_told_by.strip():
        return "ok", f"已由 {h.police_told_by} 报警。", f"The police were told by {h.police_told_by}.", facts
    return "missing", "没有报警时间或报警人。", "When or by whom the police were told is missing.", facts


def consent(seen: Seen, _: Policy) -> Found:
    """Whoever was taken along agreed, or why they could not is written."""
    h = seen.record
    if h is None or h.outcome not in _TAKEN:
        return "not_needed", "没有带离，不需要同意。", "Nobody was taken along.", {}
    given = [p.consent == "given" or (p.is_minor and p.consent != "not_asked") for p in h.people]
    written = [ok or bool(p.consent_ground.strip()) for ok, p in zip(given, h.people, strict=True)]
    facts = {"people": len(h.people), "given": sum(given), "grounds": sum(written) - sum(given)}
    if not h.people or not all(written):
        return "missing", "没有记录本人是否同意。", "Their consent is not recorded.", facts
    if all(given):
        return "ok", "本人同意已记录。", "Consent is recorded.", facts
    return "doubtful", "本人未表示同意，记录了原因，请核对。", "No consent, but a ground is written: look at it.", facts


def help_left(seen: Seen, _: Policy) -> Found:
    """Whoever stayed knows where help is, and had what the weather asks for."""
    h = seen.record
    if h is None or h.outcome not in _LEFT_THERE:
        return "not_needed", "没有人留在原地。", "Nobody stayed.", {}
    facts = {"info_left": h.info_left, "supplies": list(h.supplies), "supplies_refused": h.supplies_refused}
    if not h.info_left:
        return "missing", "没有留下求助方式。", "Where to find help was not left.", facts
    if h.outcome == "stays_supplies_given" and not h.supplies and not h.supplies_refused:
        return "missing", "没有发放物资的记录。", "No supplies are recorded.", facts
    given = (f"，发放物资 {len(h.supplies)} 种", f", {len(h.supplies)} kinds of supplies") if h.supplies else ("", "")
    return "ok", f"已留下求助方式{given[0]}。", f"Where to find help was left{given[1]}.", facts


def call_back(seen: Seen, policy: Policy) -> Found:
    """Whether the reporters who asked for it have been rung, and what they thought."""
    facts = {"asked": seen.asked_back, "reached": seen.reached, "tries": seen.tries}
    facts |= {"least_satisfied": seen.least_satisfied}  # type: ignore[dict-item]
    if not seen.asked_back:
        return "not_needed", "报告人没有要求回电。", "No reporter asked to be rung back.", facts
    if seen.least_satisfied is not None and seen.least_satisfied <= LOW:
        return "doubtful", "已回访，报告人不满意。", "Rung back; the reporter was not satisfied.", facts
    if seen.reached >= seen.asked_back:
        return "ok", "已回访。", "Rung back.", facts
    if seen.tries >= policy.verification.call_back_tries:
        return "doubtful", f"打了 {seen.tries} 次没有打通。", f"Not reached in {seen.tries} tries.", facts
    return (
        "missing",
        "报告人要求回电，还没有打通。",
        "A reporter asked to be rung back and has not been reached.",
        facts,
    )


RULES: Final[tuple[tuple[Code, Rule], ...]] = (
    ("place", place), ("track", track), ("on_time", on_time), ("stay", stay), ("order", order), ("photo", photo),
    ("hand_over", hand_over), ("consent", consent), ("help_left", help_left), ("call_back", call_back),
)  # fmt: skip


def doubts(items: Sequence[Item]) -> Iterator[Code]:
    """What is missing or doubtful."""
    return (item.code for item in items if item.state in ("missing", "doubtful"))
