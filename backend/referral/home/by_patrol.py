"""亲属接回 A patrol brought somebody to their family: whoever is prone to be on the street again comes onto the register at once.

`from_handling` runs in the transaction of the officer's record. Whom the crew met and nobody has registered yet gets a record.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.dispatch.change import Command
from backend.dispatch.protection import Consequence, Handling, PersonMet
from backend.dispatch.records import Case
from backend.ids import new_id
from backend.office import Office
from backend.referral.home import home_rows, returning
from backend.referral.home.returnee import HomeNow, Returnee
from backend.referral.home.returning import Return, unsent
from backend.referral.people import register
from backend.referral.people import register_rows as rows
from backend.referral.people.person import CasePerson, Person, ToldOf
from backend.referral.people.register import NewPerson
from backend.referral.people.register_rows import Rows


async def from_handling(
    tx: AsyncConnection, office: Office, case: Case, handling: Handling, after: Sequence[Consequence], command: Command
) -> None:
    """The case is locked. A record that is made anew with another outcome takes the entry back."""
    prone = [one.person for one in after if one.code == "revisit_returnee" and one.person is not None]
    await rows.hold(tx, office)
    links = await rows.people_of(tx, office, case.id)
    entries = await home_rows.entries_of(tx, office, [link.person_id for link in links])
    here = [one for one in entries if one.case_id == case.id and one.stay_id is None and one.state != "ended"]
    if handling.outcome != "to_family":
        for one in here:
            await _taken_back(tx, office, one, command)
    elif not here:
        free = [await rows.get_person(tx, office, link.person_id) for link in links]
        for index in prone:
            met = handling.people[index]
            known = _fits(free, met)
            free = [one for one in free if known is None or one.id != known.id]
            await _home(tx, office, case, handling, met, known, command)


async def _taken_back(tx: AsyncConnection, office: Office, one: Returnee, command: Command) -> None:
    changes = await home_rows.over(tx, office, one, "mistake", command)
    await returning.tell_of_returnee(tx, office, "returnee.ended", one, changes, unsent(command), reason="mistake")


def _fits(free: Sequence[Person], met: PersonMet) -> Person | None:
    """The registered person who is the one that was met, where it is beyond doubt: one alone has their sex and age."""
    fitting = [
        one
        for one in free
        if "unknown" in (one.sex, met.sex) or one.sex == met.sex
        if "unknown" in (one.age_band, met.age_band) or one.age_band == met.age_band
    ]
    return fitting[0] if len(fitting) == 1 else None


async def _home(
    tx: AsyncConnection,
    office: Office,
    case: Case,
    handling: Handling,
    met: PersonMet,
    known: Person | None,
    command: Command,
) -> None:
    changes: Rows = []
    if known is None:
        new = NewPerson(sex=met.sex, age_band=met.age_band, told=ToldOf(vulnerable=met.vulnerable))
        known = await register.fresh(tx, office, new, case.as_object(), command, from_case=case.id)
        link = CasePerson(
            id=new_id(), case_id=case.id, person_id=known.id, linked_at=command.at, linked_by=command.by.id
        )
        known = msgspec.structs.replace(known, listed_at=command.at)
        changes = [(None, known), (None, link)]
    group = await rows.group_of(tx, office, known.root_id) or [known]
    paper = handling.hand_over
    home = HomeNow(
        address=paper.facility[:200] if paper else "",
        contact=paper.receiver[:100] if paper else "",
        grounds=met.vulnerable,
    )
    wanted = Return(home=home, since=command.at, because="handling", regions=case.regions, case_id=case.id)
    more, returnee = await returning.enrol(tx, office, known, group, wanted, command)
    kept = [*changes, *more]
    await returning.tell_of_returnee(
        tx, office, "returnee.registered", returnee, kept, unsent(command), because="handling"
    )
