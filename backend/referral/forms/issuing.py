"""出具文书 A form is issued: number, code, PDF, row and event in one transaction. Begin at `issue_hand_over`.

What the form says is read under the transaction that issues it and kept as it was; issuing again makes a new one, and the one before says
by which it was replaced. The event tells both digests, so the log proves what paper and file are (`backend.referral.forms.checking`).
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import ARRAY, Uuid, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, locks
from backend.access.permissions import Object
from backend.dispatch import find
from backend.dispatch.change import Command
from backend.errors import Conflict
from backend.geo.place import LonLat
from backend.ids import new_id
from backend.intake.photo_store import PhotoStore
from backend.office import Office
from backend.referral import rows as referrals
from backend.referral.facilities.facility import facility_for
from backend.referral.forms import facts, hand_over_facts, incident_facts, no_help, printing, stay_forms, words
from backend.referral.forms.code import new_code
from backend.referral.forms.document import Document, FormKind, OfAStay, number_of
from backend.referral.forms.hand_over_form import sheet_of as hand_over_sheet
from backend.referral.forms.incident_form import sheet_of as incident_sheet
from backend.referral.forms.no_help import NoHelp
from backend.referral.forms.printing import Marks
from backend.referral.forms.sheet import Sheet, pictures_of
from backend.referral.incidents import rows as incidents
from backend.referral.people import register_rows as rows
from backend.referral.people.register_rows import Done
from backend.referral.signature import demand_written

SALT_BYTES: Final = 16


class About(Struct, frozen=True, kw_only=True):
    """What a document is about, by id; one of the same kind about the same is replaced."""

    referral_id: UUID | None = None
    stay_id: UUID | None = None
    person_id: UUID | None = None
    case_id: UUID | None = None
    incident_id: UUID | None = None


class Draft(Struct, frozen=True, kw_only=True):
    """A form that is about to be issued. what: whom it concerns; replaces: the one before, where `about` does not say it."""

    kind: FormKind
    sheet: Sheet
    about: About
    what: Object
    replaces: UUID | None = None


async def issue_hand_over(
    office: Office, store: PhotoStore, referral_id: UUID, command: Command, *, origin: str
) -> Done:
    """交接单 of a referral that was handed over. origin: where the code is checked. Raises Conflict `not_yet`, NotAllowed, NotFound."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "document:issue")
        referral = await referrals.find_one(tx, office, referral_id)
        command.demand(office, "document:issue", referral.as_object())
        said = await hand_over_facts.of_referral(tx, office, referral)
        draft = Draft(
            kind="hand_over",
            sheet=hand_over_sheet(said, office.city.zone),
            about=About(referral_id=referral_id, case_id=referral.case_id),
            what=referral.as_object(),
        )
        return await issue(tx, office, store, draft, command, origin=origin)


async def issue_for_case(office: Office, store: PhotoStore, case_id: UUID, command: Command, *, origin: str) -> Done:
    """交接单 of the last visit to a case that handed somebody over: of its referral, or as the crew wrote it. Raises Conflict `not_yet`."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "document:issue")
        case = await find.get_case(tx, office, case_id)
        visits = [one for one in await find.handlings_of(tx, office, case_id) if one.record.get("hand_over")]
        teams = [visits[-1].team_id] if visits else case.teams()
        what = Object(regions=case.regions, teams=teams)
        command.demand(office, "document:issue", what)
        if not visits:
            raise hand_over_facts.not_yet()
        referral_id = visits[-1].record["hand_over"].get("referral_id")
        if referral_id is not None:
            referral = await referrals.find_one(tx, office, UUID(referral_id))
            said, what = await hand_over_facts.of_referral(tx, office, referral), referral.as_object()
        else:
            said = await hand_over_facts.of_visit(tx, office, case, visits[-1])
        about = About(referral_id=UUID(referral_id) if referral_id else None, case_id=case_id)
        draft = Draft(kind="hand_over", sheet=hand_over_sheet(said, office.city.zone), about=about, what=what)
        return await issue(tx, office, store, draft, command, origin=origin)


async def issue_for_stay(
    office: Office, store: PhotoStore, stay_id: UUID, kind: OfAStay, command: Command, *, origin: str
) -> Done:
    """One of the forms of a stay. Raises Conflict `not_yet`, NotAllowed, NotFound."""
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "document:issue")
        stay = await rows.get_stay(tx, office, stay_id)
        command.demand(office, "document:issue", stay.as_object())
        stay_forms.demand_ready(kind, stay)
        said = await facts.of_stay(tx, office, stay, command)
        draft = Draft(
            kind=kind,
            sheet=stay_forms.sheet_of(kind, said, office.city.zone),
            about=About(stay_id=stay_id, person_id=stay.person_id, case_id=stay.case_id),
            what=stay.as_object(),
        )
        return await issue(tx, office, store, draft, command, origin=origin)


async def issue_no_help(
    office: Office,
    store: PhotoStore,
    facility_id: UUID,
    wanted: NoHelp,
    command: Command,
    *,
    origin: str,
    replaces: UUID | None = None,
) -> Done:
    """不予救助通知书: somebody came and is not helped. Raises Invalid `not_to_be_refused`, `bad_signature`, NotAllowed, NotFound."""
    no_help.check(wanted)
    demand_written(wanted.signature, "no_help.signature")
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "document:issue")
        house = await facility_for(tx, office, facility_id)
        what = Object(regions=office.city.regions_of(LonLat(house.lon, house.lat)), facilities=[house.id])
        command.demand(office, "document:issue", what)
        name, phone = facts.house_as_said(house)
        sheet = no_help.sheet_of(
            wanted, house=name, phone=phone, by=command.by.name, now=command.at, zone=office.city.zone
        )
        draft = Draft(kind="no_help_notice", sheet=sheet, about=About(), what=what, replaces=replaces)
        return await issue(tx, office, store, draft, command, origin=origin)


async def issue_for_incident(
    office: Office, store: PhotoStore, incident_id: UUID, command: Command, *, origin: str
) -> Done:
    """突发事件报告表 as it is known now; by whoever may write the incident. Raises Conflict `content_gone`, NotAllowed, NotFound.

    The incident is not held meanwhile: acknowledging a death does not wait for the press.
    """
    async with office.begin() as tx:
        if (done := await rows.earlier(tx, office, command)) is not None:
            return done
        command.demand(office, "incident:create")
        incident = await incidents.find_one(tx, office, incident_id)
        command.demand(office, "incident:create", incident.as_object())
        said = await incident_facts.of_incident(tx, office, incident, command)
        draft = Draft(
            kind="incident_report",
            sheet=incident_sheet(said, office.city.zone),
            about=About(incident_id=incident_id, person_id=incident.person_id, case_id=incident.case_id),
            what=incident.as_object(),
        )
        return await issue(tx, office, store, draft, command, origin=origin)


async def issue(
    tx: AsyncConnection, office: Office, store: PhotoStore, draft: Draft, command: Command, *, origin: str
) -> Done:
    """The draft with its number, code and file; the last thing in a verb's transaction. Issued one at a time in a city."""
    await locks.hold(tx, f"documents:{office.city_id}")
    before = await _replaced(tx, office, draft)
    content = {"sheet": msgspec.to_builtins(draft.sheet), "salt": secrets.token_hex(SALT_BYTES)}
    marks = Marks(new_code(), printing.digest_of(content))
    number = await _next_number(tx, office, office.city.local_day(command.now))
    photos = await facts.photos(tx, office, store, pictures_of(draft.sheet))
    pdf = await printing.printed(
        draft.sheet,
        number=number,
        marks=marks,
        origin=origin,
        issued=words.moment(command.now, office.city.zone),
        made_at=command.now,
        photos=photos,
    )
    document = Document(
        id=new_id(),
        number=number,
        code=marks.code,
        kind=draft.kind,
        house=draft.sheet.house,
        regions=list(draft.what.regions),
        facilities=list(draft.what.facilities),
        teams=list(draft.what.teams),
        issued_at=command.now,
        issued_by=command.by.id,
        content_sha256=marks.digest,
        pdf_sha256=hashlib.sha256(pdf).hexdigest(),
        content=content,
        pdf=pdf,
        **msgspec.structs.asdict(draft.about),
    )
    gone = {"replaced_by": document.id, "replaced_at": command.now}
    changes: rows.Rows = [(one, msgspec.structs.replace(one, **gone)) for one in before]
    done = Done(
        seq=0,
        document_id=document.id,
        number=number,
        code=marks.code,
        stay_id=document.stay_id,
        person_id=document.person_id,
    )
    facts_told = {"kind": draft.kind}
    return await rows.tell(
        tx,
        office,
        command,
        "document.issued",
        [(None, document), *changes],
        draft.what,
        done,
        case_id=document.case_id,
        facts=facts_told,
    )


async def _replaced(tx: AsyncConnection, office: Office, draft: Draft) -> Sequence[Document]:
    """The one that stands of the same kind about the same, or the one that is named. Raises Conflict `cannot_be_replaced`."""
    d, about = db.documents.c, draft.about
    same: list[Any] = [d.kind == draft.kind, d.replaced_by.is_(None)]
    if draft.replaces is not None:
        same += [d.id == draft.replaces, d.facilities.bool_op("&&")(cast(list(draft.what.facilities), ARRAY(Uuid)))]
    elif draft.about == About():
        return []
    elif about.incident_id or about.stay_id or about.referral_id:
        key = next(name for name in ("incident_id", "stay_id", "referral_id") if getattr(about, name))
        same.append(d[key] == getattr(about, key))
    else:
        same += [d.case_id == about.case_id, d.referral_id.is_(None)]
    found = await rows.fetch(tx, office, Document, _briefly(office, *same))
    if draft.replaces is not None and not found:
        zh, en = "原文书不存在，或已被替换。", "There is no such document to replace, or it was replaced already."
        raise Conflict(zh, en, code="cannot_be_replaced")
    return found


def _briefly(office: Office, *conditions: Any) -> Any:
    """Without what it says and its file."""
    d = db.documents.c
    named = [d[name] for name in Document.__struct_fields__ if name not in ("content", "pdf")]
    return select(*named).where(d.city_id == office.city_id, *conditions)


async def _next_number(tx: AsyncConnection, office: Office, day: int) -> str:
    d = db.documents.c
    query = select(func.max(d.number)).where(d.city_id == office.city_id, d.number.like(f"W{day}%"))
    return number_of(day, (await tx.execute(query)).scalar())
