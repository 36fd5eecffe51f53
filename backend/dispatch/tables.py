"""Which table keeps which record of the loop, and which of its columns the log does not tell."""

from sqlalchemy import Table

from backend import db
from backend.dispatch.records import (
    Approval,
    CallBack,
    Case,
    ClockRow,
    DistressCall,
    HandlingRow,
    Incident,
    IncidentRecipient,
    Link,
    Offer,
    Referral,
    ReferralPerson,
    Revisit,
    Row,
    StockMove,
    Suggestion,
)
from backend.personal import fields_of

TABLES: dict[type[Row], Table] = {
    Case: db.cases,
    Offer: db.offers,
    ClockRow: db.clocks,
    Link: db.case_sightings,
    Suggestion: db.suggestions,
    Approval: db.approvals,
    HandlingRow: db.handlings,
    Revisit: db.revisits,
    CallBack: db.call_backs,
    DistressCall: db.distress_calls,
    StockMove: db.stock_moves,
    Referral: db.referrals,
    ReferralPerson: db.referral_people,
    Incident: db.incidents,
    IncidentRecipient: db.incident_recipients,
}

# Not told by the log: when the machine looks next (a schedule), and what somebody wrote (it may be about a person; the log
# is kept for ever).
_SCHEDULES: dict[str, frozenset[str]] = {
    "cases": frozenset({"search_at"}),
    "clocks": frozenset({"fires_at"}),
    "distress_calls": frozenset({"escalates_at"}),
    "referrals": frozenset({"fires_at"}),
    "incidents": frozenset({"fires_at"}),
    "incident_recipients": frozenset({"fires_at"}),
}
NOT_IN_LOG: dict[str, frozenset[str]] = {
    table.name: _SCHEDULES.get(table.name, frozenset()) | {field.name for field in fields_of(table)}
    for table in TABLES.values()
}


_KEYS: dict[type[Row], tuple[str, ...]] = {
    kind: tuple(c.name for c in table.primary_key if c.name != "city_id") for kind, table in TABLES.items()
}


def key_of(row: Row) -> tuple[str, ...]:
    """The names of the key's columns, without the city."""
    return _KEYS[type(row)]
