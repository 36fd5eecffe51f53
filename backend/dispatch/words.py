"""What somebody wrote as a reason: apart from the event it belongs to, sealed, and removed when its time is over.

The log is kept for ever and read widely, and nobody can be kept from writing a name into a reason. So the event says only
that there were words, by a digest of them and of a salt that lies sealed with them: changed words show, and words that
are gone cannot be guessed from it.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend import db, log, personal
from backend.office import Office

SALT_CHARACTERS = 32


class Words(Struct, frozen=True, kw_only=True):
    """A reason as it waits for its event. text: what was written; salt: 32 hex characters."""

    text: str
    salt: str

    def digest(self) -> str:
        """What the event says of it (SHA-256, hex)."""
        return hashlib.sha256((self.salt + self.text).encode()).hexdigest()


def readable(text: str | None) -> str:
    """The text without what no screen can show; "" when nothing is left."""
    return "".join(c for c in text or "" if c.isprintable() or c == "\n").strip()


def words(text: str | None) -> Words | None:
    """The words for a change; None where nothing was written."""
    text = readable(text)
    return Words(text=text, salt=secrets.token_hex(SALT_CHARACTERS // 2)) if text else None


async def keep(tx: AsyncConnection, office: Office, said: Sequence[tuple[log.Event, Words]]) -> None:
    """Writes the words of events that have just been written."""
    rows = [_row(office, event, spoken) for event, spoken in said if event.case_id is not None]
    if rows:
        await tx.execute(insert(db.event_words), rows)


def _row(office: Office, event: log.Event, spoken: Words) -> dict[str, Any]:
    about = {"event_id": event.id, "case_id": event.case_id, "said_at": event.occurred_at}
    kept = {**about, "words": spoken.salt + spoken.text}
    return {"city_id": office.city_id, **personal.sealed(office.ring, db.event_words, kept)}


async def of_case(tx: AsyncConnection, office: Office, case_id: UUID) -> dict[UUID, str]:
    """What was written in a case, by the event it belongs to."""
    return {event_id: kept.text for event_id, kept in (await _kept(tx, office, case_id)).items()}


async def _kept(tx: AsyncConnection, office: Office, case_id: UUID | None = None) -> dict[UUID, Words]:
    """Of one case, or of all."""
    w = db.event_words
    query = select(w.c.event_id, w.c.words_sealed).where(w.c.city_id == office.city_id)
    found = {}
    for row in await tx.execute(query if case_id is None else query.where(w.c.case_id == case_id)):
        text = personal.opened(office.ring, w, row._mapping)["words"]
        found[row.event_id] = Words(text=text[SALT_CHARACTERS:], salt=text[:SALT_CHARACTERS])
    return found


async def changed(tx: AsyncConnection, office: Office, told: Mapping[UUID, object]) -> list[UUID]:
    """The events whose words are not those that were written, which is what `told` has of each; gone words had their time.

    Raises Unsealable when words were sealed with a key that is not in the ring, or do not belong where they lie.
    """
    kept = await _kept(tx, office)
    return [event_id for event_id, said in kept.items() if told.get(event_id) != said.digest()]
