"""Tickets: a browser cannot put a token into a socket's headers, and an address with a token in it ends up in logs.

So whoever is signed in fetches a ticket, good once and for 30 s, and shows that. It opens what its session may see, and
nothing when that has ended meanwhile. `now` is the machine's time (see `sessions`).
"""

import secrets
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import delete, insert

from backend.access.actor import Actor
from backend.access.sessions import actor_of_session, digest
from backend.db import tickets
from backend.errors import NotAllowed, NotSignedIn
from backend.office import Office

LIFETIME = timedelta(seconds=30)


class Ticket(Struct, frozen=True):
    """To be shown once, before `expires_at`."""

    ticket: str
    expires_at: datetime


async def issue(office: Office, *, by: Actor, now: datetime) -> Ticket:
    """A ticket for the session the actor asks with. Raises NotAllowed for those without one (partners, the public)."""
    if by.session_id is None:
        raise NotAllowed("只有登录的人员才能打开实时通道。", "Only somebody signed in can open the live feed.")
    ticket = Ticket(secrets.token_urlsafe(32), now + LIFETIME)
    async with office.db.begin() as tx:
        await tx.execute(delete(tickets).where(tickets.c.city_id == office.city_id, tickets.c.expires_at <= now))
        row = {"ticket_hash": digest(ticket.ticket), "session_id": by.session_id, "expires_at": ticket.expires_at}
        await tx.execute(insert(tickets).values(city_id=office.city_id, **row))
    return ticket


async def take(office: Office, ticket: str, *, now: datetime) -> Actor:
    """Uses the ticket up: whose it is. Raises NotSignedIn when it was used, is too old, or its session has ended."""
    mine = (tickets.c.city_id == office.city_id) & (tickets.c.ticket_hash == digest(ticket))
    async with office.db.begin() as tx:
        row = (
            await tx.execute(delete(tickets).where(mine).returning(tickets.c.session_id, tickets.c.expires_at))
        ).first()
    if row is None or row.expires_at <= now:
        raise NotSignedIn(
            "通道票据已使用或已过期，请重新获取。", "This ticket was used or is too old.", code="bad_ticket"
        )
    async with office.db.connect() as tx:
        return await actor_of_session(tx, office, row.session_id, now)
