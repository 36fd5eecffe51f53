"""突发事件上报表 The form of an incident, as a value, and what of it is missing. Pure.

A report is raised with what is known at that moment and is owed whole within `[protection] report_up_within`; `missing` says what
is not there yet, in words for whoever fills it in.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

from backend.dispatch.protection import Handling, Violation
from backend.dispatch.records import IncidentKind
from backend.errors import Invalid

Line = Annotated[str, Meta(max_length=200)]
Words = Annotated[str, Meta(max_length=2000)]

TO_THE_POLICE: Final[frozenset[IncidentKind]] = frozenset({"death", "missing", "abuse", "trafficking", "violence"})
TO_MEDICS: Final[frozenset[IncidentKind]] = frozenset({"death", "accident"})
SOURCE: Final = "§4.8"


class IncidentForm(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What happened, where, to whom, what was done; who was told, when and by whom. Sealed. who: in words, where they are not in the
    register. family_unknown: there is nobody to be told, or nobody knows whom. no_medics: why 120 was not called."""

    what: Words = ""
    place: Line = ""
    who: Line = ""
    measures: Words = ""
    police_told_at: datetime | None = None
    police_told_by: Line = ""
    medics_told_at: datetime | None = None
    medics_told_by: Line = ""
    no_medics: Line = ""
    family_told_at: datetime | None = None
    family_told_by: Line = ""
    family_unknown: bool = False


class FollowUp(Struct, frozen=True, kw_only=True):
    """续报: what has become known since. by: an account's id."""

    at: datetime
    by: str
    text: Words


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that lies sealed with an incident. withdrawn: why it was none."""

    form: IncidentForm = IncidentForm()
    follow_ups: tuple[FollowUp, ...] = ()
    conclusion: Words = ""
    withdrawn: Words = ""


def missing(form: IncidentForm, kind: IncidentKind, *, knows_who: bool) -> list[Violation]:
    """What a whole report has besides. knows_who: somebody of the register is named."""
    found: list[Violation] = []
    if not form.what.strip():
        found.append(_lacks("what", "请写明发生了什么", "say what happened"))
    if not form.place.strip():
        found.append(_lacks("place", "请写明地点", "say where"))
    if not form.who.strip() and not knows_who:
        found.append(
            _lacks("who", "请写明涉及何人（不知姓名的写特征）", "say whom it is about, by looks where no name is known")
        )
    if not form.measures.strip():
        found.append(_lacks("measures", "请写明已采取的措施", "say what was done"))
    if kind in TO_THE_POLICE and (form.police_told_at is None or not form.police_told_by.strip()):
        found.append(
            _lacks("police_told_at", "请写明何时、由谁报警（110）", "say when and by whom the police were told")
        )
    if kind in TO_MEDICS and form.medics_told_at is None and not form.no_medics.strip():
        found.append(
            _lacks(
                "medics_told_at",
                "请写明何时呼叫急救（120），未呼叫的写明原因",
                "say when the medics were called, or why not",
            )
        )
    if form.family_told_at is None and not form.family_unknown:
        zh, en = "请写明何时告知亲属，或注明亲属不明", "say when the family was told, or that nobody knows whom to tell"
        found.append(_lacks("family_told_at", zh, en))
    return found


def _lacks(field: str, zh: str, en: str) -> Violation:
    return Violation(f"{field}_missing", zh, en, f"form.{field}", SOURCE)


def demand_whole(form: IncidentForm, kind: IncidentKind, *, knows_who: bool) -> None:
    """Raises Invalid `not_whole` with all that is missing."""
    found = missing(form, kind, knows_who=knows_who)
    if found:
        zh, en = "；".join(one.zh for one in found), "; ".join(one.en for one in found)
        fields = [one.field for one in found]
        raise Invalid(f"{zh}。", f"{en}.", field=fields[0], code="not_whole", missing=fields)


def of_handling(handling: Handling, address: str | None) -> IncidentForm:
    """As far as the crew's record says it already."""
    return IncidentForm(
        what=handling.note[:2000],
        place=(address or "")[:200],
        police_told_at=handling.police_told_at,
        police_told_by=handling.police_told_by[:200],
        medics_told_at=handling.medical_called_at,
    )


def kinds_of(handling: Handling) -> Sequence[IncidentKind]:
    """What of a record goes up at once: what it says happened, and what it suspects was done to somebody."""
    suspected = {one for person in handling.people for one in person.suspicions}
    kinds: list[IncidentKind] = [handling.incident] if handling.incident is not None else []
    kinds += ["abuse"] if "abuse" in suspected else []
    kinds += ["trafficking"] if "trafficking" in suspected else []
    kinds += ["violence"] if "domestic_violence" in suspected else []
    return kinds
