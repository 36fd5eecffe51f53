"""The rules of protection that bind a handling (DOMAIN §4, 1 to 8): law or policy, so one small function each.

Each yields what is missing or not allowed, in words for an officer in the street. The heading of each group names the
text it comes from; `RULES` is their order.
"""

from collections.abc import Callable, Iterator
from typing import Final

from backend.dispatch.protection.handling import Handling, Outcome, Violation
from backend.dispatch.protection.season import season_of
from backend.policy import Policy

_NOBODY: Final[frozenset[Outcome]] = frozenset({"not_found", "duplicate", "other_department"})
_ESCORTED: Final[frozenset[Outcome]] = frozenset({"escorted_to_station", "to_family", "to_police"})
_LEFT_THERE: Final[frozenset[Outcome]] = frozenset({"informed_and_guided", "stays_supplies_given"})

Rule = Callable[[Handling, Policy], Iterator[Violation]]


def check(handling: Handling, policy: Policy) -> list[Violation]:
    """Every rule that this handling does not keep; [] when it may be recorded."""
    return [violation for rule in RULES for violation in rule(handling, policy)]


# ── 1. A capable adult decides for themselves. [Panjin plan; Henan summer notice] ──


def consent_is_recorded(h: Handling, _: Policy) -> Iterator[Violation]:
    """Being escorted needs the recorded consent of whoever can give it; where they cannot, the ground is."""
    if h.outcome not in ("escorted_to_station", "to_family"):
        return
    for n, person in enumerate(h.people):
        if person.consent == "given" or (person.is_minor and person.consent != "not_asked"):
            continue
        if person.consent == "refused" and person.decides:
            zh, en = (
                "本人不愿意，不能带走。请留下求助方式和物资。",
                "They refuse and may not be taken. Leave help and supplies.",
            )
            yield Violation("escorted_against_will", zh, en, "outcome", "§4.1", n)
        elif person.consent in ("not_possible", "refused") and person.consent_ground.strip():
            continue
        else:
            zh, en = "请记录本人是否同意；无法表达的，写明原因。", "Record their consent, or why they cannot give it."
            yield Violation("consent_missing", zh, en, "consent", "§4.1", n)


def the_unwilling_are_told_where_help_is(h: Handling, _: Policy) -> Iterator[Violation]:
    """Whoever stays has the station's address, phone and how to get help."""
    if h.outcome in _LEFT_THERE and not h.info_left:
        zh, en = "请告知并留下救助站地址、电话和求助方式。", "Leave the station's address, phone and how to get help."
        yield Violation("info_not_left", zh, en, "info_left", "§4.1")


def the_unwilling_get_supplies(h: Handling, policy: Policy) -> Iterator[Violation]:
    """What the season asks for is handed out, or it is recorded that they would not have it."""
    if h.outcome != "stays_supplies_given" or h.supplies_refused:
        return
    season = season_of(h.handled_at, policy)
    fitting = policy.protection.supplies.get(season, ())
    if not set(h.supplies) & set(fitting):
        listed = "、".join(fitting)
        zh = f"请发放当季物资（{listed}），或注明本人拒收。"
        en = f"Hand out what the season asks for ({', '.join(fitting)}), or record that they refused."
        yield Violation("supplies_missing", zh, en, "supplies", "§4.1")


def persuasion_is_recorded(h: Handling, _: Policy) -> Iterator[Violation]:
    if h.outcome == "stays_supplies_given" and not h.persuasion.strip():
        zh, en = "请记录如何劝导、本人怎么说。", "Record how you persuaded and what they said."
        yield Violation("persuasion_missing", zh, en, "persuasion", "§4.1")


# ── 2. Disabled, minor, old or hardly mobile people are escorted, with a signed hand-over. [Panjin plan] ──


def the_vulnerable_are_escorted(h: Handling, _: Policy) -> Iterator[Violation]:
    """Not just told the way; minors and those who cannot decide are never left, capable adults only when refusing."""
    if h.outcome not in _LEFT_THERE:
        return
    for n, person in enumerate(h.people):
        if person.is_minor:
            zh, en = "未成年人不能留在原地，须护送或移交。", "A minor may not be left: escort or hand over."
            yield Violation("minor_left", zh, en, "outcome", "§4.2", n)
        elif not person.decides:
            zh, en = "本人无法自主决定，不能留在原地。", "They cannot decide for themselves and may not be left."
            yield Violation("incapable_left", zh, en, "outcome", "§4.1, §4.2", n)
        elif person.needs_escort and not (h.outcome == "stays_supplies_given" and person.consent == "refused"):
            zh, en = (
                "老、残、行动不便者应护送进站；不愿去的，记录其拒绝。",
                "Escort the old and disabled, or record the refusal.",
            )
            yield Violation("vulnerable_not_escorted", zh, en, "outcome", "§4.2", n)


def the_hand_over_is_written(h: Handling, _: Policy) -> Iterator[Violation]:
    """Vulnerable people go over in writing, signed by both sides."""
    if h.outcome != "escorted_to_station" or not any(p.needs_escort or p.capacity == "limited" for p in h.people):
        return
    paper = h.hand_over
    if paper is None or not paper.facility.strip() or not paper.receiver.strip():
        zh, en = "请填写交接单：接收机构和接收人。", "Fill in the hand-over: the facility and who received."
        yield Violation("hand_over_missing", zh, en, "hand_over", "§4.2")
    elif not (paper.signed_by_crew and paper.signed_by_receiver):
        zh, en = "交接单须双方签字。", "Both sides sign the hand-over."
        yield Violation("hand_over_unsigned", zh, en, "hand_over", "§4.2")


# ── 3. Sudden illness: medical help first; treat first, register later. ──


def medical_help_comes_first(h: Handling, _: Policy) -> Iterator[Violation]:
    if not any(p.acutely_ill for p in h.people) and h.outcome != "to_hospital":
        return
    if h.medical_called_at is None:
        zh, en = "先叫急救（120），并记录呼叫时间。", "Medical help (120) first: record when it was called."
        yield Violation("medical_not_called", zh, en, "medical_called_at", "§4.3")
    if any(p.acutely_ill for p in h.people) and h.outcome != "to_hospital" and not h.medical_note.strip():
        zh, en = "病人未送医的，写明急救人员的意见。", "Not taken to hospital: write what the medics said."
        yield Violation("medical_note_missing", zh, en, "medical_note", "§4.3")


def the_station_hears_of_a_patient(h: Handling, _: Policy) -> Iterator[Violation]:
    """It goes to the hospital to establish identity."""
    if h.outcome == "to_hospital" and h.station_told_at is None:
        zh, en = "请通知救助站到医院甄别身份，并记录时间。", "Tell the station, and when: it goes to the hospital."
        yield Violation("station_not_told", zh, en, "station_told_at", "§4.3")


# ── 4. Suspected crime: police are told; violence at home: never sent back. ──


def the_police_are_told_of_crime(h: Handling, _: Policy) -> Iterator[Violation]:
    """The record says when and by whom."""
    suspected = [n for n, p in enumerate(h.people) if p.suspicions]
    if not suspected and h.outcome != "to_police":
        return
    if h.police_told_at is None or not h.police_told_by.strip():
        zh, en = "须报警（110），并记录时间和报警人。", "Tell the police (110): record when and by whom."
        yield Violation("police_not_told", zh, en, "police_told_at", "§4.4", suspected[0] if suspected else None)


def nobody_is_sent_back_to_violence(h: Handling, _: Policy) -> Iterator[Violation]:
    for n, person in enumerate(h.people):
        hurt_at_home = {"domestic_violence", "abuse", "trafficking"} & set(person.suspicions)
        if h.outcome == "to_family" and hurt_at_home and (person.is_minor or person.consent != "given"):
            zh, en = (
                "疑似受家暴、虐待者不能直接交回家属。",
                "Do not hand suspected victims of violence back to the family.",
            )
            yield Violation("sent_back_to_violence", zh, en, "outcome", "§4.4", n)


def the_family_is_checked(h: Handling, _: Policy) -> Iterator[Violation]:
    """Whoever fetches somebody has shown that they are family."""
    if h.outcome == "to_family" and not h.family_relation_checked:
        zh, en = "请核实接领人与本人的亲属关系。", "Check that whoever fetches them is family."
        yield Violation("family_not_checked", zh, en, "family_relation_checked", "§4.4")


# ── 5. Foreigners: police confirm identity. ──


def the_police_confirm_a_foreigner(h: Handling, _: Policy) -> Iterator[Violation]:
    for n, person in enumerate(h.people):
        if person.is_foreigner and h.police_told_at is None:
            zh, en = "疑似外国人，请公安确认身份并记录时间。", "Perhaps a foreigner: ask the police, and record when."
            yield Violation("foreigner_not_confirmed", zh, en, "police_told_at", "§4.5", n)


# ── 6. Escort by two, staff of the fitting sex, families together. ──


def an_escort_is_at_least_two(h: Handling, policy: Policy) -> Iterator[Violation]:
    least = policy.protection.escort_crew_min
    if h.outcome in _ESCORTED and h.crew_size < least:
        zh, en = f"护送至少 {least} 人，现为 {h.crew_size} 人。", f"An escort is {least} people, not {h.crew_size}."
        yield Violation("escort_too_small", zh, en, "crew_size", "§4.6")


def staff_of_the_fitting_sex(h: Handling, _: Policy) -> Iterator[Violation]:
    """A woman or a minor who is searched or escorted: girls, women and small children by a woman, boys by a man."""
    for n, person in enumerate(h.people):
        if not (person.searched or h.outcome in _ESCORTED) or not (person.is_minor or person.sex == "female"):
            continue
        by_woman = person.sex != "male" or person.age_band in ("infant", "child")
        if by_woman and not h.crew_has_woman:
            zh, en = "女性和儿童须由女队员照护、检查。", "Women and children are cared for by a woman of the crew."
            yield Violation("woman_missing", zh, en, "crew_has_woman", "§4.6", n)
        elif not by_woman and not h.crew_has_man:
            zh, en = "男性未成年人须由男队员检查。", "A boy is searched by a man of the crew."
            yield Violation("man_missing", zh, en, "crew_has_man", "§4.6", n)


def families_stay_together(h: Handling, _: Policy) -> Iterator[Violation]:
    """`family_separated_ground`: None = together; separated only for a ground, such as one being ill."""
    if h.family_separated_ground is not None and not h.family_separated_ground.strip():
        zh, en = "一家人应在一起；分开的，写明原因。", "Families stay together: say why they were separated."
        yield Violation("family_separated", zh, en, "family_separated_ground", "§4.6")


# ── 7. Order in the city is the competent department's business. ──


def the_patrol_enforces_nothing(h: Handling, _: Policy) -> Iterator[Violation]:
    if h.enforcement.strip():
        zh, en = (
            "巡查队不能自行执法（驱赶、没收等），请转主管部门。",
            "A patrol does not enforce: pass it to the department.",
        )
        yield Violation("enforced", zh, en, "enforcement", "§4.7")
    if h.outcome == "other_department" and not h.department.strip():
        zh, en = "请写明转给哪个部门。", "Say which department it was passed to."
        yield Violation("department_missing", zh, en, "department", "§4.7")


# ── 8. Death, going missing, an accident: up at once. [every plan asks for it] ──


def an_incident_is_described(h: Handling, _: Policy) -> Iterator[Violation]:
    if h.incident is None:
        return
    if not h.note.strip():
        zh, en = "请写明发生了什么、何时何地。", "Write what happened, when and where."
        yield Violation("incident_undescribed", zh, en, "note", "§4.8")
    if h.incident in ("death", "missing") and h.police_told_at is None:
        zh, en = (
            "死亡、走失须立即报警，并记录时间。",
            "A death or a missing person: tell the police at once, record when.",
        )
        yield Violation("incident_police_not_told", zh, en, "police_told_at", "§4.8")


# ── What makes a handling whole, so that a checker can verify it (DOMAIN §3). ──


def the_people_are_recorded(h: Handling, _: Policy) -> Iterator[Violation]:
    if h.outcome not in _NOBODY and not h.people:
        zh, en = "请至少记录一名受助人员（可以不知姓名）。", "Record at least one person; the name may be unknown."
        yield Violation("people_missing", zh, en, "people", "§3")


def an_empty_result_is_shown(h: Handling, _: Policy) -> Iterator[Violation]:
    """Nobody found: a photo or a note of where was looked. A duplicate names the other case."""
    if h.outcome == "not_found" and not h.note.strip() and h.photos == 0:
        zh, en = "未发现的，请拍照或写明查找范围。", "Nobody found: add a photo or write where you looked."
        yield Violation("search_not_shown", zh, en, "photos", "§3")
    if h.outcome == "duplicate" and not h.duplicate_of.strip():
        zh, en = "请选择重复的是哪一案。", "Choose which case it repeats."
        yield Violation("duplicate_of_missing", zh, en, "duplicate_of", "§3")


def the_hospital_is_named(h: Handling, _: Policy) -> Iterator[Violation]:
    if h.outcome == "to_hospital" and (h.hand_over is None or not h.hand_over.facility.strip()):
        zh, en = "请写明送到哪家医院。", "Say which hospital."
        yield Violation("hospital_missing", zh, en, "hand_over", "§4.3")


RULES: Final[tuple[Rule, ...]] = (
    medical_help_comes_first,
    the_people_are_recorded,
    consent_is_recorded,
    the_unwilling_are_told_where_help_is,
    the_unwilling_get_supplies,
    persuasion_is_recorded,
    the_vulnerable_are_escorted,
    the_hand_over_is_written,
    the_hospital_is_named,
    the_station_hears_of_a_patient,
    the_police_are_told_of_crime,
    nobody_is_sent_back_to_violence,
    the_family_is_checked,
    the_police_confirm_a_foreigner,
    an_escort_is_at_least_two,
    staff_of_the_fitting_sex,
    families_stay_together,
    the_patrol_enforces_nothing,
    an_incident_is_described,
    an_empty_result_is_shown,
)
"""In the order an officer should read them: life first."""
