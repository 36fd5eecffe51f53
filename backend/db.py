"""The schema, as the readable heart of the system, and the engine that reaches it.

Begin at `cases`. What must never be (DOMAIN §9) stands here as unique indexes and checks, so that no code path can
break it. `city_id` leads every key: a province shards by it. Places are written as `lon`/`lat` (WGS-84 degrees);
`geog` follows by itself and is what queries measure on, in metres. Everything that happened is in `events`; the other
tables of the loop are what the log says now (backend.dispatch.replay proves it).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from geoalchemy2 import Geography, Geometry
from sqlalchemy import (
    ARRAY,
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

STAGES = (
    "discovered", "accepted", "dispatched", "handling", "handled", "assisted",
    "suspended", "refused", "voided", "joined",
)  # fmt: skip
LIVE_ASSIGNMENT = "stage IN ('dispatched', 'handling')"


def _city() -> Column[str]:
    return Column("city_id", Text, nullable=False)


def _id(name: str = "id", *, nullable: bool = False) -> Column[UUID]:
    return Column(name, Uuid, nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=default)


def _json(name: str, default: str = "{}") -> Column[Any]:
    return Column(name, JSONB, nullable=False, server_default=text(f"'{default}'::jsonb"))


def _texts(name: str) -> Column[list[str]]:
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'::text[]"))


def _sealed(name: str) -> Column[bytes]:
    """What is personal, as `backend.personal` seals it; named after what it holds."""
    return Column(f"{name}_sealed", LargeBinary, nullable=True)


def _place() -> tuple[Column[Any], ...]:
    """lon, lat in WGS-84 degrees, and the geography that follows from them."""
    return (
        Column("lon", Double, nullable=False),
        Column("lat", Double, nullable=False),
        Column(
            "geog",
            Geography("POINT", srid=4326, spatial_index=False),
            Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography", persisted=True),
        ),
    )


def _one_of(column: str, values: tuple[str, ...], name: str) -> CheckConstraint:
    listed = ", ".join(f"'{v}'" for v in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


# --- the log ---------------------------------------------------------------------------------------------------------

events = Table(
    "events",
    metadata,
    _city(),
    Column("seq", BigInteger, nullable=False, comment="commit order, without gaps, from 1"),
    _id(),
    _text("kind"),
    _id("case_id", nullable=True),
    Column("case_version", Integer),
    _texts("regions"),
    Column("teams", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    _json("actor"),
    _at("occurred_at"),
    _at("recorded_at"),
    _id("command_id", nullable=True),
    _json("data"),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("city_id", "seq"),
    UniqueConstraint("city_id", "case_id", "case_version"),
)

# The log can be added to and nothing else, whoever asks; who switches this off is found by the chain of hashes.
APPEND_ONLY = (
    """CREATE FUNCTION refuse_to_change_the_log() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the event log is append-only: %% refused', TG_OP USING ERRCODE = 'insufficient_privilege';
        END $$""",
    """CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_log()""",
)
for _statement in APPEND_ONLY:
    event.listen(events, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]

commands = Table(
    "commands",
    metadata,
    _city(),
    _id(),
    _text("actor"),
    _text("name"),
    Column("fingerprint", LargeBinary, nullable=False),
    _json("answer", "null"),
    _at("created_at"),
    PrimaryKeyConstraint("city_id", "id"),
    comment="What a client's command was answered with: the same id twice answers the first result (I8).",
)

# --- intake ----------------------------------------------------------------------------------------------------------

sightings = Table(
    "sightings",
    metadata,
    _city(),
    _id(),
    _text("receipt"),
    _text("channel"),
    _text("reporter"),
    _at("occurred_at"),
    _at("received_at"),
    *_place(),
    _json("given_place"),
    Column("accuracy_m", Double),
    Column("in_area", Boolean, nullable=False),
    _texts("regions"),
    Column("people_count", Integer, nullable=False),
    _json("looks"),
    _texts("dangers"),
    _json("warnings", "[]"),
    _text("refusal", nullable=True),
    _at("detailed_at", nullable=True),
    _sealed("address"),
    _sealed("description"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "receipt"),
    CheckConstraint("people_count BETWEEN 1 AND 999", name="people_count"),
    Index("ix_sightings_geog", "geog", postgresql_using="gist"),
    Index("ix_sightings_city_id_received_at", "city_id", "received_at"),
)

sighting_contacts = Table(
    "sighting_contacts",
    metadata,
    _city(),
    _id("sighting_id"),
    Column("call_back", Boolean, nullable=False, server_default=text("false")),
    _sealed("phone"),
    _sealed("name"),
    _sealed("recording_ref"),
    Column("phone_index", LargeBinary, comment="finds a number without telling it (backend.sealing)"),
    PrimaryKeyConstraint("city_id", "sighting_id"),
    ForeignKeyConstraint(["city_id", "sighting_id"], ["sightings.city_id", "sightings.id"]),
    Index(
        "ix_sighting_contacts_phone_index", "city_id", "phone_index", postgresql_where=text("phone_index IS NOT NULL")
    ),
    comment="Personal data of a reporter, apart from the sighting so that ordinary reads never touch it.",
)

photos = Table(
    "photos",
    metadata,
    _city(),
    _id(),
    _id("sighting_id", nullable=True),
    _id("case_id", nullable=True),
    _text("media_type"),
    Column("bytes", Integer, nullable=False),
    Column("width_px", Integer, nullable=False),
    Column("height_px", Integer, nullable=False),
    _at("taken_in_at"),
    _text("file", nullable=True),
    _text("thumbnail_file", nullable=True),
    _text("picture_digest", nullable=True),
    _at("leaving_at", nullable=True),
    _text("kind", nullable=True),
    _id("team_id", nullable=True),
    _at("taken_at", nullable=True),
    _id("person_id", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    Index("ix_photos_city_id_sighting_id", "city_id", "sighting_id"),
    Index("ix_photos_city_id_case_id", "city_id", "case_id", postgresql_where=text("case_id IS NOT NULL")),
    Index("ix_photos_city_id_person_id", "city_id", "person_id", postgresql_where=text("person_id IS NOT NULL")),
    comment="Of a sighting; or of a case, and then kind, taken_at and team_id (who took it); or of a person, and then kind and "
    "taken_at. file: the key in the store. "
    "picture_digest: of the picture and a salt that is sealed with it. leaving_at: its time is over, the files go first and "
    "then the row.",
)

# --- the loop --------------------------------------------------------------------------------------------------------

cases = Table(
    "cases",
    metadata,
    _city(),
    _id(),
    Column("number", BigInteger, nullable=False, comment="yyyymmdd and a counter of five digits"),
    _text("stage"),
    Column("version", Integer, nullable=False),
    _text("priority"),
    _texts("dangers"),
    _texts("call_first"),
    _texts("skills"),
    *_place(),
    Column("in_area", Boolean, nullable=False),
    _texts("regions"),
    Column("people_count", Integer, nullable=False),
    _json("looks"),
    _text("channel"),
    _at("opened_at"),
    _at("stage_since"),
    _at("last_seen_at"),
    Column("sighting_count", Integer, nullable=False),
    _id("team_id", nullable=True),
    _id("handled_by_team", nullable=True),
    _text("handled_by", nullable=True),
    _text("outcome", nullable=True),
    _at("search_at", nullable=True),
    Column("search_round", Integer, nullable=False, server_default=text("1")),
    Column("search_phase", Integer, nullable=False, server_default=text("0")),
    _text("alarm", nullable=True),
    Column("rework_count", Integer, nullable=False, server_default=text("0")),
    _id("joined_into", nullable=True),
    _id("campaign_id", nullable=True),
    _at("closed_at", nullable=True),
    _sealed("address"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "number"),
    ForeignKeyConstraint(["city_id", "joined_into"], ["cases.city_id", "cases.id"]),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"], name="fk_cases_team"),
    _one_of("stage", STAGES, "stage"),
    _one_of("priority", ("critical", "high", "normal"), "priority"),
    CheckConstraint("(team_id IS NOT NULL) = (" + LIVE_ASSIGNMENT + ")", name="a_team_exactly_while_assigned"),
    CheckConstraint("search_at IS NULL OR stage = 'accepted'", name="searched_only_while_accepted"),
    # I1: a team has one live primary assignment.
    Index(
        "uq_cases_one_assignment_per_team", "city_id", "team_id", unique=True, postgresql_where=text(LIVE_ASSIGNMENT)
    ),
    Index("ix_cases_geog", "geog", postgresql_using="gist"),
    Index("ix_cases_search", "city_id", "search_at", postgresql_where=text("search_at IS NOT NULL")),
    Index("ix_cases_city_id_stage_opened_at", "city_id", "stage", "opened_at"),
    Index("ix_cases_city_id_opened_at_id", "city_id", "opened_at", "id"),
)

case_sightings = Table(
    "case_sightings",
    metadata,
    _city(),
    _id("case_id"),
    _id("sighting_id"),
    _at("joined_at"),
    _text("joined_by"),
    Column("score", Double),
    _json("reasons", "[]"),
    _id("moved_from", nullable=True),
    _at("left_at", nullable=True),
    PrimaryKeyConstraint("city_id", "case_id", "sighting_id"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    ForeignKeyConstraint(["city_id", "sighting_id"], ["sightings.city_id", "sightings.id"]),
    Index("ix_case_sightings_city_id_sighting_id", "city_id", "sighting_id"),
)

suggestions = Table(
    "suggestions",
    metadata,
    _city(),
    _id("case_id"),
    _id("other_case_id"),
    Column("score", Double, nullable=False),
    _json("reasons", "[]"),
    _text("state", default="open"),
    PrimaryKeyConstraint("city_id", "case_id", "other_case_id"),
    _one_of("state", ("open", "joined", "dismissed"), "state"),
    comment="Cases that may be about the same people; a person decides.",
)

offers = Table(
    "offers",
    metadata,
    _city(),
    _id(),
    _id("case_id"),
    _id("team_id"),
    _text("state"),
    Column("round", Integer, nullable=False),
    Column("phase", Integer, nullable=False),
    _at("offered_at"),
    _at("expires_at"),
    _at("answered_at", nullable=True),
    Column("eta_s", Double),
    _text("eta_basis"),
    _id("decision_id", nullable=True),
    _text("reason", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    _one_of("state", ("offered", "accepted", "declined", "lapsed", "withdrawn"), "state"),
    # I1: one live offer for a case, and one for a team.
    Index("uq_offers_one_live_per_case", "city_id", "case_id", unique=True, postgresql_where=text("state = 'offered'")),
    Index("uq_offers_one_live_per_team", "city_id", "team_id", unique=True, postgresql_where=text("state = 'offered'")),
    # I7: a team that declined is not asked again in the same round.
    Index(
        "uq_offers_no_second_after_decline", "city_id", "case_id", "team_id", "round",
        unique=True, postgresql_where=text("state IN ('offered', 'accepted', 'declined')"),
    ),
    Index("ix_offers_lapse", "city_id", "expires_at", postgresql_where=text("state = 'offered'")),
    Index("ix_offers_city_id_case_id", "city_id", "case_id"),
)  # fmt: skip

decisions = Table(
    "decisions",
    metadata,
    _city(),
    _id(),
    _id("case_id"),
    _at("made_at"),
    _text("made_by"),
    _text("method"),
    _text("basis"),
    Column("round", Integer, nullable=False),
    Column("phase", Integer, nullable=False),
    _id("chosen_team", nullable=True),
    _json("candidates", "[]"),
    _json("reason"),
    _text("policy_hash"),
    PrimaryKeyConstraint("city_id", "id"),
    Index("ix_decisions_city_id_case_id", "city_id", "case_id", "made_at"),
    comment="Why this team: the candidates with exact seconds and reasons, as they were when it was decided.",
)

clocks = Table(
    "clocks",
    metadata,
    _city(),
    _id("case_id"),
    _text("kind"),
    _text("state"),
    _text("span"),
    _at("started_at"),
    _at("due_at"),
    _at("yellow_at"),
    _at("paused_at", nullable=True),
    Column("paused_s", Double, nullable=False, server_default=text("0")),
    _at("missed_at", nullable=True),
    Column("overdue_paused_s", Double, nullable=False, server_default=text("0")),
    _at("ended_at", nullable=True),
    Column("extended", Integer, nullable=False, server_default=text("0")),
    Column("level", Integer, nullable=False, server_default=text("0")),
    Column("restarts", Integer, nullable=False, server_default=text("0")),
    Column("misses", Integer, nullable=False, server_default=text("0")),
    _at("fires_at", nullable=True),
    PrimaryKeyConstraint("city_id", "case_id", "kind"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    _one_of("state", ("running", "paused", "met", "missed", "cancelled"), "state"),
    CheckConstraint("fires_at IS NULL OR state IN ('running', 'missed')", name="fires_only_while_it_runs"),
    Index("ix_clocks_fire", "city_id", "fires_at", postgresql_where=text("fires_at IS NOT NULL")),
)

approvals = Table(
    "approvals",
    metadata,
    _city(),
    _id(),
    _id("case_id"),
    _text("action"),
    _text("state"),
    _json("wanted"),
    _text("asked_by"),
    _at("asked_at"),
    _text("decided_by", nullable=True),
    _at("decided_at", nullable=True),
    _sealed("reason"),
    _sealed("answer"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    _one_of("action", ("suspend", "extend", "return", "void"), "action"),
    _one_of("state", ("asked", "granted", "refused", "withdrawn"), "state"),
    Index(
        "uq_approvals_one_open", "city_id", "case_id", "action", unique=True, postgresql_where=text("state = 'asked'")
    ),
)

handlings = Table(
    "handlings",
    metadata,
    _city(),
    _id(),
    _id("case_id"),
    _id("team_id"),
    _text("by"),
    _at("arrived_at"),
    _json("arrived_place"),
    _at("handled_at", nullable=True),
    _text("outcome", nullable=True),
    _json("consequences", "[]"),
    _text("verified_by", nullable=True),
    _at("verified_at", nullable=True),
    _text("verdict", nullable=True),
    _sealed("record"),
    _sealed("verdict_note"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    CheckConstraint("verified_by IS NULL OR verified_by <> by", name="never_verified_by_the_handler"),
    Index("ix_handlings_city_id_case_id", "city_id", "case_id"),
    Index("ix_handlings_city_id_arrived_at", "city_id", "arrived_at"),
)

revisits = Table(
    "revisits",
    metadata,
    _city(),
    _id(),
    _id("case_id"),
    _at("due_at"),
    _text("reason"),
    _text("state", default="due"),
    _id("opened_case", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    _one_of("state", ("due", "opened", "done"), "state"),
    Index("ix_revisits_city_id_case_id", "city_id", "case_id"),
    Index("ix_revisits_due", "city_id", "due_at", postgresql_where=text("state = 'due'")),
)

event_words = Table(
    "event_words",
    metadata,
    _city(),
    _id("event_id"),
    _id("case_id"),
    _at("said_at"),
    _sealed("words"),
    PrimaryKeyConstraint("city_id", "event_id"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    Index("ix_event_words_city_id_case_id", "city_id", "case_id"),
    comment="What somebody wrote as a reason, apart from the event: the log keeps for ever, words about people do not.",
)

call_backs = Table(
    "call_backs",
    metadata,
    _city(),
    _id(),
    _id("sighting_id"),
    _id("case_id"),
    _at("called_at"),
    _text("by"),
    Column("reached", Boolean, nullable=False),
    Column("satisfied", Integer),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "sighting_id"], ["sightings.city_id", "sightings.id"]),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    CheckConstraint("satisfied IS NULL OR (reached AND satisfied BETWEEN 1 AND 5)", name="satisfied"),
    Index(
        "uq_call_backs_reached_once", "city_id", "sighting_id", "case_id",
        unique=True, postgresql_where=text("reached"),
    ),
    Index("ix_call_backs_city_id_case_id", "city_id", "case_id"),
    comment="Each try to ring a reporter back, reached or not; what they said is in event_words.",
)  # fmt: skip

distress_calls = Table(
    "distress_calls",
    metadata,
    _city(),
    _id(),
    _id("team_id"),
    _text("raised_by"),
    _at("raised_at"),
    _at("received_at"),
    _texts("regions"),
    _id("case_id", nullable=True),
    Column("lon", Double),
    Column("lat", Double),
    Column("accuracy_m", Double),
    _at("place_at", nullable=True),
    Column("presses", Integer, nullable=False, server_default=text("1")),
    Column("level", Integer, nullable=False, server_default=text("0")),
    _at("escalates_at", nullable=True),
    _text("answered_by", nullable=True),
    _at("answered_at", nullable=True),
    _text("over_by", nullable=True),
    _at("over_at", nullable=True),
    _sealed("note"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    CheckConstraint("(answered_by IS NULL) = (answered_at IS NULL)", name="answered_by_somebody_at_some_time"),
    CheckConstraint("over_at IS NULL OR answered_at IS NOT NULL", name="over_only_once_answered"),
    CheckConstraint("escalates_at IS NULL OR answered_at IS NULL", name="escalates_only_while_unanswered"),
    Index(
        "uq_distress_calls_one_unanswered_per_team", "city_id", "team_id",
        unique=True, postgresql_where=text("answered_at IS NULL"),
    ),
    Index("ix_distress_calls_open", "city_id", "raised_at", postgresql_where=text("over_at IS NULL")),
    Index("ix_distress_calls_escalate", "city_id", "escalates_at", postgresql_where=text("escalates_at IS NOT NULL")),
    comment="A crew calls for help: who, when by its own clock and where; what was answered, until it is over.",
)  # fmt: skip

persons = Table(
    "persons",
    metadata,
    _city(),
    _id(),
    _text("number"),
    _text("sex"),
    _text("age_band"),
    Column("is_identified", Boolean, nullable=False, server_default=text("false")),
    _text("identity_source", nullable=True),
    _at("identified_at", nullable=True),
    _at("listed_at", nullable=True),
    _texts("regions"),
    Column("teams", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    Column("facilities", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    _id("from_case", nullable=True),
    _at("created_at"),
    _text("created_by"),
    _id("merged_into", nullable=True),
    _at("merged_at", nullable=True),
    _text("merged_by", nullable=True),
    _id("root_id"),
    _sealed("told"),
    _sealed("identity"),
    Column("name_index", LargeBinary, comment="finds a name without telling it (backend.personal)"),
    Column("id_number_index", LargeBinary, comment="finds the number of a document without telling it"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "number"),
    CheckConstraint("is_identified = (identified_at IS NOT NULL)", name="identified_at_some_time"),
    CheckConstraint("(merged_into IS NULL) = (root_id = id)", name="its_own_root_exactly_while_unmerged"),
    CheckConstraint("(merged_into IS NULL) = (merged_by IS NULL)", name="merged_by_somebody"),
    Index("ix_persons_city_id_root_id", "city_id", "root_id"),
    Index("ix_persons_city_id_created_at_id", "city_id", "created_at", "id"),
    Index("ix_persons_name_index", "city_id", "name_index", postgresql_where=text("name_index IS NOT NULL")),
    Index(
        "ix_persons_id_number_index", "city_id", "id_number_index", postgresql_where=text("id_number_index IS NOT NULL")
    ),
    comment="Somebody met, known by name or not. merged_into: found to be the same as that record; root_id: what it leads to in "
    "the end, its own id while it stands alone. listed_at: on the list of vulnerable people since.",
)

case_people = Table(
    "case_people",
    metadata,
    _city(),
    _id(),
    _id("case_id"),
    _id("person_id"),
    _id("handling_id", nullable=True),
    _id("family_group", nullable=True),
    _at("linked_at"),
    _text("linked_by"),
    _at("unlinked_at", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    ForeignKeyConstraint(["city_id", "person_id"], ["persons.city_id", "persons.id"]),
    Index(
        "uq_case_people_once", "city_id", "case_id", "person_id",
        unique=True, postgresql_where=text("unlinked_at IS NULL"),
    ),
    Index("ix_case_people_city_id_person_id", "city_id", "person_id"),
    comment="Whom a case is about. family_group: those with the same one belong together and stay together.",
)  # fmt: skip

person_suggestions = Table(
    "person_suggestions",
    metadata,
    _city(),
    _id(),
    _id("person_id"),
    _id("other_id"),
    Column("score", Double, nullable=False),
    _json("reasons", "[]"),
    _text("state", default="open"),
    _at("found_at"),
    _text("decided_by", nullable=True),
    _at("decided_at", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "person_id", "other_id"),
    ForeignKeyConstraint(["city_id", "person_id"], ["persons.city_id", "persons.id"]),
    ForeignKeyConstraint(
        ["city_id", "other_id"], ["persons.city_id", "persons.id"], name="fk_person_suggestions_other"
    ),
    _one_of("state", ("open", "merged", "different"), "state"),
    CheckConstraint("person_id < other_id", name="each_pair_once"),
    CheckConstraint("(decided_by IS NULL) = (state = 'open')", name="decided_by_somebody"),
    Index("ix_person_suggestions_city_id_other_id", "city_id", "other_id"),
    comment="Two records that may be one person; a person decides. reasons: codes and weights, never what was written.",
)

stays = Table(
    "stays",
    metadata,
    _city(),
    _id(),
    _id("person_id"),
    _id("facility_id"),
    _text("place_kind"),
    _texts("regions"),
    _text("came"),
    _at("arrived_at"),
    _text("arrived_by"),
    _at("unknown_since"),
    _text("state", default="present"),
    _id("case_id", nullable=True),
    _id("referral_id", nullable=True),
    _id("continues", nullable=True),
    _at("continued_at", nullable=True),
    _at("notice_at", nullable=True),
    _at("renewed_at", nullable=True),
    _at("dna_requested_at", nullable=True),
    _at("dna_answered_at", nullable=True),
    Column("dna_matched", Boolean),
    _at("settlement_at", nullable=True),
    _at("prolonged_to", nullable=True),
    _at("left_at", nullable=True),
    _text("left_by", nullable=True),
    _text("how", nullable=True),
    _sealed("arrival"),
    _sealed("notice"),
    _sealed("leaving"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "person_id"], ["persons.city_id", "persons.id"]),
    ForeignKeyConstraint(["city_id", "facility_id"], ["facilities.city_id", "facilities.id"]),
    _one_of("state", ("present", "left"), "state"),
    CheckConstraint("(state = 'left') = (left_at IS NOT NULL)", name="left_at_some_time"),
    CheckConstraint("(left_at IS NULL) = (how IS NULL)", name="left_somehow"),
    # Nobody is in two houses; records found to be one person are held to it by the register's lock.
    Index("uq_stays_one_present", "city_id", "person_id", unique=True, postgresql_where=text("state = 'present'")),
    Index("ix_stays_city_id_facility_id_arrived_at", "city_id", "facility_id", "arrived_at"),
    Index("ix_stays_city_id_person_id", "city_id", "person_id"),
    comment="Somebody's stay at a station: how they came, what was done to find out who they are, how they left.",
)

documents = Table(
    "documents",
    metadata,
    _city(),
    _id(),
    _text("number"),
    _text("code"),
    _text("kind"),
    _text("house"),
    _texts("regions"),
    Column("facilities", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    Column("teams", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    _at("issued_at"),
    _text("issued_by"),
    _text("content_sha256"),
    _text("pdf_sha256"),
    _id("referral_id", nullable=True),
    _id("stay_id", nullable=True),
    _id("person_id", nullable=True),
    _id("case_id", nullable=True),
    _id("incident_id", nullable=True),
    _id("replaced_by", nullable=True),
    _at("replaced_at", nullable=True),
    _sealed("content"),
    _sealed("pdf"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "number"),
    UniqueConstraint("city_id", "code"),
    CheckConstraint("(replaced_by IS NULL) = (replaced_at IS NULL)", name="replaced_at_some_time"),
    CheckConstraint("(content_sealed IS NULL) = (pdf_sealed IS NULL)", name="what_it_says_and_its_file_go_together"),
    Index("ix_documents_city_id_stay_id", "city_id", "stay_id", postgresql_where=text("stay_id IS NOT NULL")),
    Index(
        "ix_documents_city_id_referral_id", "city_id", "referral_id", postgresql_where=text("referral_id IS NOT NULL")
    ),
    Index("ix_documents_city_id_person_id", "city_id", "person_id", postgresql_where=text("person_id IS NOT NULL")),
    Index("ix_documents_city_id_issued_at", "city_id", "issued_at"),
    comment="Forms that were issued: a number, a code by which anybody checks them, digests of what they say and of the file. "
    "What they are about may be removed in time, and so is what they say; that they were issued stays.",
)

stay_clocks = Table(
    "stay_clocks",
    metadata,
    _city(),
    _id(),
    _id("stay_id"),
    _text("kind"),
    _text("state"),
    _text("span"),
    _at("started_at"),
    _at("due_at"),
    _at("yellow_at"),
    _at("missed_at", nullable=True),
    _at("ended_at", nullable=True),
    Column("extended", Integer, nullable=False, server_default=text("0")),
    Column("level", Integer, nullable=False, server_default=text("0")),
    Column("misses", Integer, nullable=False, server_default=text("0")),
    _at("fires_at", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "stay_id", "kind"),
    ForeignKeyConstraint(["city_id", "stay_id"], ["stays.city_id", "stays.id"]),
    _one_of("state", ("running", "met", "missed", "cancelled"), "state"),
    CheckConstraint("fires_at IS NULL OR state IN ('running', 'missed')", name="fires_only_while_it_runs"),
    Index("ix_stay_clocks_fire", "city_id", "fires_at", postgresql_where=text("fires_at IS NOT NULL")),
    comment="The deadlines that run on somebody at a station; what they follow from stands in stays and persons.",
)

returnees = Table(
    "returnees",
    metadata,
    _city(),
    _id(),
    _id("person_id"),
    _text("state"),
    _text("region", nullable=True),
    _texts("regions"),
    Column("facilities", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    _id("stay_id", nullable=True),
    _id("case_id", nullable=True),
    Column("is_prone", Boolean, nullable=False),
    _at("since"),
    _at("until"),
    _at("created_at"),
    _text("created_by"),
    Column("relapses", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    _at("relapsed_at", nullable=True),
    _at("told_at", nullable=True),
    _at("ended_at", nullable=True),
    _text("ended_by", nullable=True),
    _text("end_reason", nullable=True),
    _sealed("home"),
    _sealed("end_note"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "person_id"], ["persons.city_id", "persons.id"]),
    _one_of("state", ("followed", "registered", "elsewhere", "ended"), "state"),
    CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended_at_some_time"),
    CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="ended_for_some_reason"),
    CheckConstraint("until > since", name="followed_for_some_time"),
    Index("uq_returnees_one_live", "city_id", "person_id", unique=True, postgresql_where=text("state <> 'ended'")),
    Index("ix_returnees_live", "city_id", "until", postgresql_where=text("state <> 'ended'")),
    Index("ix_returnees_city_id_person_id", "city_id", "person_id"),
    comment="Somebody who went home. region: where they live now; relapses: the cases and stays by which they were found away again.",
)

home_visits = Table(
    "home_visits",
    metadata,
    _city(),
    _id(),
    _id("returnee_id"),
    _at("due_at"),
    _text("state", default="due"),
    _at("fires_at", nullable=True),
    Column("level", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _at("missed_at", nullable=True),
    _at("done_at", nullable=True),
    _text("done_by", nullable=True),
    _text("outcome", nullable=True),
    Column("in_region", Boolean),
    _id("case_id", nullable=True),
    _sealed("found"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "returnee_id"], ["returnees.city_id", "returnees.id"]),
    _one_of("state", ("due", "done", "cancelled"), "state"),
    # Nobody who is to be visited is forgotten: while a visit is due there is a moment at which somebody is told.
    CheckConstraint("(state = 'due') = (fires_at IS NOT NULL)", name="fires_exactly_while_it_is_due"),
    CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done_at_some_time"),
    CheckConstraint("(done_at IS NULL) = (outcome IS NULL)", name="done_with_an_outcome"),
    Index("uq_home_visits_one_due", "city_id", "returnee_id", unique=True, postgresql_where=text("state = 'due'")),
    Index("ix_home_visits_fire", "city_id", "fires_at", postgresql_where=text("fires_at IS NOT NULL")),
    Index("ix_home_visits_city_id_due_at", "city_id", "due_at"),
    comment="Visits of those who went home and may be on the street again; one is due while they are followed.",
)

parked_calls = Table(
    "parked_calls",
    metadata,
    _city(),
    _id(),
    _text("account"),
    _texts("roles"),
    _texts("regions"),
    _at("started_at"),
    _at("parked_at"),
    _sealed("draft"),
    PrimaryKeyConstraint("city_id", "id"),
    comment="A call that the hotline has put aside for a moment, with what was typed so far; gone within a day.",
)

shift_notes = Table(
    "shift_notes",
    metadata,
    _city(),
    _id(),
    _text("written_by"),
    _at("written_at"),
    _texts("regions"),
    _text("taken_by", nullable=True),
    _at("taken_at", nullable=True),
    _sealed("text"),
    PrimaryKeyConstraint("city_id", "id"),
    CheckConstraint("(taken_by IS NULL) = (taken_at IS NULL)", name="taken_by_somebody_at_some_time"),
    CheckConstraint("taken_by IS NULL OR taken_by <> written_by", name="never_taken_by_its_writer"),
    Index("ix_shift_notes_city_id_written_at", "city_id", "written_at"),
    comment="What one shift leader hands over to the next; regions: those it is about, with all above them.",
)

policies = Table(
    "policies",
    metadata,
    _city(),
    _id(),
    Column("number", Integer, nullable=False, comment="1, 2, 3 …: the highest is in force"),
    _text("policy_hash"),
    _text("text"),
    _text("written_by"),
    _at("written_at"),
    _sealed("reason"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "number"),
    comment="The city's own policy.toml as it was written by hand; until there is one, the file of the city's folder is in force.",
)

retention_runs = Table(
    "retention_runs",
    metadata,
    _city(),
    _text("day"),
    _at("claimed_at"),
    _at("claimed_until"),
    _at("ended_at", nullable=True),
    _json("removed"),
    PrimaryKeyConstraint("city_id", "day"),
    comment="Which day's removal is under way or done: claimed, so that several workers do not repeat it.",
)

# --- patrol ----------------------------------------------------------------------------------------------------------

teams = Table(
    "teams",
    metadata,
    _city(),
    _id(),
    _text("code"),
    _text("name"),
    _text("organisation"),
    _text("mode"),
    _texts("skills"),
    Column("size", Integer, nullable=False),
    Column("women", Boolean, nullable=False, server_default=text("false")),
    _texts("regions"),
    Column("base_lon", Double, nullable=False),
    Column("base_lat", Double, nullable=False),
    Column("mobilisation_s", Double, nullable=False, server_default=text("0")),
    _text("shift_pattern", default="24h"),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "code"),
    _one_of("mode", ("car", "ebike", "foot"), "mode"),
    CheckConstraint("size BETWEEN 1 AND 99", name="size"),
)

shifts = Table(
    "shifts",
    metadata,
    _city(),
    _id(),
    _id("team_id"),
    _at("starts_at"),
    _at("ends_at"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    CheckConstraint("ends_at > starts_at", name="ends_after_it_starts"),
    Index("ix_shifts_city_id_team_id", "city_id", "team_id", "starts_at"),
)

presence = Table(
    "presence",
    metadata,
    _city(),
    _id("team_id"),
    _text("state", default="off_duty"),
    _at("state_since"),
    _at("shift_ends_at", nullable=True),
    Column("lon", Double),
    Column("lat", Double),
    _at("fix_at", nullable=True),
    Column("accuracy_m", Double),
    Column("heading_deg", Double),
    Column("speed_m_s", Double),
    _at("swept_until", nullable=True),
    _at("late_from", nullable=True),
    PrimaryKeyConstraint("city_id", "team_id"),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    _one_of("state", ("off_duty", "on_duty", "resting"), "state"),
    # Overwritten by every fix: no index on what changes and room on the page keep the update in place (HOT).
    postgresql_with={"fillfactor": "50"},
)

fixes = Table(
    "fixes",
    metadata,
    _city(),
    _id("team_id"),
    _at("at"),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    Column("accuracy_m", Double),
    Column("heading_deg", Double),
    Column("speed_m_s", Double),
    _id("case_id", nullable=True),
    PrimaryKeyConstraint("city_id", "team_id", "at"),
    comment="Tracks: work data, on duty only, deleted after 90 days (DOMAIN §8).",
)

# --- people who use it -----------------------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    _city(),
    _id(),
    _text("login"),
    _text("name"),
    _text("password_hash"),
    _texts("roles"),
    _texts("regions"),
    _id("team_id", nullable=True),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    _at("created_at"),
    Column("totp_sealed", LargeBinary, comment="the second factor's secret; counts once totp_confirmed_at is set"),
    _at("totp_confirmed_at", nullable=True),
    Column("totp_last_step", BigInteger, comment="the time step of the last code used: no code is good twice"),
    Column("recovery_hashes", ARRAY(LargeBinary), nullable=False, server_default=text("'{}'::bytea[]")),
    _sealed("duty_phone"),
    _id("facility_id", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "login"),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    ForeignKeyConstraint(
        ["city_id", "facility_id"], ["facilities.city_id", "facilities.id"], name="fk_accounts_facility"
    ),
)

sessions = Table(
    "sessions",
    metadata,
    _city(),
    _id(),
    Column("token_hash", LargeBinary, nullable=False),
    _id("account_id"),
    _text("device", nullable=True),
    _at("created_at"),
    _at("seen_at"),
    _at("expires_at"),
    _at("revoked_at", nullable=True),
    _text("source", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("token_hash"),
    ForeignKeyConstraint(["city_id", "account_id"], ["accounts.city_id", "accounts.id"]),
)

known_devices = Table(
    "known_devices",
    metadata,
    _city(),
    _id("account_id"),
    Column("device_hash", LargeBinary, nullable=False),
    _at("used_at"),
    PrimaryKeyConstraint("city_id", "account_id", "device_hash"),
    ForeignKeyConstraint(["city_id", "account_id"], ["accounts.city_id", "accounts.id"]),
    comment="Where somebody has signed in before: a stranger's failures elsewhere do not lock that device out.",
)

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    _city(),
    Column("key", LargeBinary, nullable=False),
    Column("failures", Integer, nullable=False),
    _at("last_at"),
    _at("locked_until", nullable=True),
    PrimaryKeyConstraint("city_id", "key"),
    Index("ix_sign_in_attempts_last_at", "city_id", "last_at"),
    comment="Failures to sign in per login, device, second factor and source; keys are hashes, swept after a day.",
)

api_keys = Table(
    "api_keys",
    metadata,
    _city(),
    _id(),
    _text("partner"),
    Column("key_hash", LargeBinary, nullable=False),
    _texts("roles"),
    _texts("regions"),
    _text("webhook_url", nullable=True),
    _at("created_at"),
    _at("revoked_at", nullable=True),
    Column("actions", ARRAY(Text), comment="the actions it is limited to; NULL: all that its roles have"),
    _at("expires_at", nullable=True),
    _at("last_used_at", nullable=True),
    _id("replaces", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("key_hash"),
)

tickets = Table(
    "tickets",
    metadata,
    _city(),
    Column("ticket_hash", LargeBinary, nullable=False),
    _id("session_id"),
    _at("expires_at"),
    PrimaryKeyConstraint("city_id", "ticket_hash"),
    # One use, thirty seconds: nothing is lost when a crash empties it.
    prefixes=["UNLOGGED"],
)

devices = Table(
    "devices",
    metadata,
    _city(),
    _id(),
    _id("session_id"),
    _id("account_id"),
    _text("kind"),
    _sealed("address"),
    Column(
        "address_index", LargeBinary, nullable=False, comment="finds the same device again without telling its address"
    ),
    _at("created_at"),
    _at("last_used_at", nullable=True),
    _at("gone_at", nullable=True),
    _text("gone_because", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "account_id"], ["accounts.city_id", "accounts.id"]),
    _one_of("kind", ("web_push", "fcm", "jpush"), "kind"),
    CheckConstraint("(gone_at IS NULL) = (gone_because IS NULL)", name="gone_for_a_reason"),
    Index("uq_devices_address", "city_id", "address_index", unique=True, postgresql_where=text("gone_at IS NULL")),
    Index("ix_devices_account", "city_id", "account_id", postgresql_where=text("gone_at IS NULL")),
    comment="Where a session's notices can be pushed to: a browser's subscription, or a token of a push service.",
)

# --- the world outside -----------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    _city(),
    _id(),
    _text("way"),
    _text("to"),
    _json("message"),
    _id("case_id", nullable=True),
    _id("offer_id", nullable=True),
    _at("created_at"),
    _at("send_at", nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _text("state", default="waiting"),
    _at("ended_at", nullable=True),
    _text("last_error", nullable=True),
    _sealed("letter"),
    PrimaryKeyConstraint("city_id", "id"),
    # Which ways there are says backend.notify.senders: a check here could not be widened beside a running version.
    _one_of("state", ("waiting", "sent", "failed", "dropped"), "state"),
    Index("ix_outbox_waiting", "city_id", "way", "send_at", "id", postgresql_where=text("state = 'waiting'")),
)

notices = Table(
    "notices",
    metadata,
    _city(),
    _id(),
    _text("to"),
    _text("kind"),
    _id("team_id", nullable=True),
    _id("case_id", nullable=True),
    _id("offer_id", nullable=True),
    _json("told"),
    _text("rung"),
    _at("began_at"),
    _at("climbs_at", nullable=True),
    _at("reached_at", nullable=True),
    _at("ended_at", nullable=True),
    _text("ended_because", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    _one_of("rung", ("socket", "push", "sms", "not_reached"), "rung"),
    CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name="ended_for_a_reason"),
    # I5: what has ended climbs no further.
    CheckConstraint("climbs_at IS NULL OR ended_at IS NULL", name="climbs_only_while_it_runs"),
    Index("ix_notices_climb", "city_id", "climbs_at", postgresql_where=text("climbs_at IS NOT NULL")),
    comment="What a team or a role is being told, and how far up the ladder it has come; the id is the outbox message's.",
)

notice_receipts = Table(
    "notice_receipts",
    metadata,
    _city(),
    _id("notice_id"),
    _id("receiver"),
    _text("way"),
    _id("account_id", nullable=True),
    _at("received_at"),
    Column("shown", Boolean, nullable=False),
    PrimaryKeyConstraint("city_id", "notice_id", "receiver"),
    ForeignKeyConstraint(["city_id", "notice_id"], ["notices.city_id", "notices.id"]),
    comment="Who has a notice, said by the phone itself. receiver: the device, or the session of a live feed.",
)

# --- referral --------------------------------------------------------------------------------------------------------

incidents = Table(
    "incidents",
    metadata,
    _city(),
    _id(),
    Column("number", BigInteger, nullable=False, comment="yyyymmdd and a counter of three digits"),
    _text("kind"),
    _text("cause"),
    _text("state"),
    _id("case_id", nullable=True),
    _id("handling_id", nullable=True),
    _id("stay_id", nullable=True),
    _id("person_id", nullable=True),
    _id("home_visit_id", nullable=True),
    _texts("regions"),
    Column("teams", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    Column("facilities", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    _at("happened_at"),
    _at("raised_at"),
    _text("raised_by"),
    _text("owes", nullable=True),
    _at("due_at", nullable=True),
    Column("misses", Integer, nullable=False, server_default=text("0")),
    _at("fires_at", nullable=True),
    _at("reported_at", nullable=True),
    _text("reported_by", nullable=True),
    Column("follow_ups", Integer, nullable=False, server_default=text("0")),
    _at("ended_at", nullable=True),
    _text("ended_by", nullable=True),
    _sealed("told"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "number"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    _one_of("kind", ("death", "missing", "accident", "abuse", "trafficking", "violence"), "kind"),
    _one_of("cause", ("hand", "handling", "stay", "visit"), "cause"),
    _one_of("state", ("open", "concluded", "withdrawn"), "state"),
    _one_of("owes", ("report", "follow_up"), "owes"),
    # I14: until it is over something is owed, and there is a moment at which that is asked for (I5).
    CheckConstraint("(fires_at IS NOT NULL) = (state = 'open')", name="fires_exactly_while_open"),
    CheckConstraint("(owes IS NOT NULL) = (state = 'open')", name="owes_exactly_while_open"),
    CheckConstraint("(ended_at IS NULL) = (state = 'open')", name="ended_exactly_when_over"),
    CheckConstraint("(reported_at IS NULL) = (reported_by IS NULL)", name="reported_by_somebody"),
    CheckConstraint("state <> 'concluded' OR reported_at IS NOT NULL", name="concluded_only_when_reported"),
    Index("ix_incidents_fire", "city_id", "fires_at", postgresql_where=text("fires_at IS NOT NULL")),
    Index("ix_incidents_city_id_raised_at", "city_id", "raised_at"),
    Index("ix_incidents_city_id_case_id", "city_id", "case_id", postgresql_where=text("case_id IS NOT NULL")),
    Index("ix_incidents_city_id_person_id", "city_id", "person_id", postgresql_where=text("person_id IS NOT NULL")),
    comment="Death, somebody missing, an accident, abuse, trafficking, violence: reported up at once, through every level.",
)

incident_recipients = Table(
    "incident_recipients",
    metadata,
    _city(),
    _id(),
    _id("incident_id"),
    Column("level", Integer, nullable=False, comment="from 0, the nearest"),
    _text("role"),
    _text("region"),
    _text("state"),
    _at("told_at"),
    _at("due_at"),
    Column("times", Integer, nullable=False, comment="how often they were told"),
    _at("fires_at", nullable=True),
    _at("acknowledged_at", nullable=True),
    _text("acknowledged_by", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "incident_id", "level"),
    ForeignKeyConstraint(["city_id", "incident_id"], ["incidents.city_id", "incidents.id"]),
    _one_of("state", ("waiting", "acknowledged", "absent", "passed"), "state"),
    # I14: whoever has not acknowledged is told again at some moment, and nobody else is.
    CheckConstraint("(fires_at IS NOT NULL) = (state = 'waiting')", name="fires_exactly_while_it_waits"),
    CheckConstraint("(acknowledged_at IS NOT NULL) = (state = 'acknowledged')", name="acknowledged_at_some_time"),
    CheckConstraint("(acknowledged_by IS NOT NULL) = (state = 'acknowledged')", name="acknowledged_by_somebody"),
    Index("ix_incident_recipients_fire", "city_id", "fires_at", postgresql_where=text("fires_at IS NOT NULL")),
    comment="Who is told of an incident, level by level, and who has acknowledged it. absent: nobody has that role there.",
)

HOLDING_A_PLACE = "state IN ('offered', 'accepted', 'arrived')"

referrals = Table(
    "referrals",
    metadata,
    _city(),
    _id(),
    Column("number", BigInteger, nullable=False, comment="yyyymmdd and a counter of five digits"),
    _id("case_id", nullable=True),
    _text("from_kind"),
    _id("from_team", nullable=True),
    _id("from_facility", nullable=True),
    _text("to_kind"),
    _id("to_facility", nullable=True),
    _text("place_kind", nullable=True),
    Column("people_count", Integer, nullable=False),
    _text("state"),
    _texts("regions"),
    _at("offered_at"),
    _text("offered_by"),
    _at("answer_due_at"),
    _text("consent"),
    _text("consent_ground", nullable=True),
    Column("level", Integer, nullable=False, server_default=text("0")),
    _text("alarm", nullable=True),
    _at("fires_at", nullable=True),
    Column("eta_s", Double),
    _at("answered_at", nullable=True),
    _text("answered_by", nullable=True),
    _at("reserved_until", nullable=True),
    _at("arrived_at", nullable=True),
    _at("handed_over_at", nullable=True),
    _at("ended_at", nullable=True),
    _text("because", nullable=True),
    _sealed("to_words"),
    _sealed("reason"),
    _sealed("receiver"),
    _sealed("hand_over"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "number"),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    ForeignKeyConstraint(["city_id", "to_facility"], ["facilities.city_id", "facilities.id"], name="fk_referrals_to"),
    ForeignKeyConstraint(
        ["city_id", "from_facility"], ["facilities.city_id", "facilities.id"], name="fk_referrals_from"
    ),
    ForeignKeyConstraint(["city_id", "from_team"], ["teams.city_id", "teams.id"]),
    _one_of("from_kind", ("team", "facility", "desk"), "from_kind"),
    _one_of("state", ("offered", "accepted", "refused", "withdrawn", "arrived", "not_used", "handed_over"), "state"),
    _one_of("consent", ("given", "not_needed"), "consent"),
    CheckConstraint("(consent_ground IS NOT NULL) = (consent = 'not_needed')", name="a_ground_where_nobody_consents"),
    CheckConstraint("(from_kind = 'facility') = (from_facility IS NOT NULL)", name="from_a_facility_that_is_named"),
    CheckConstraint("people_count BETWEEN 1 AND 20", name="people_count"),
    CheckConstraint("place_kind IS NULL OR to_facility IS NOT NULL", name="places_are_of_a_facility"),
    # I14: what waits for somebody has a next moment at which somebody is told, and nothing else fires (I5).
    CheckConstraint(f"(fires_at IS NOT NULL) = ({HOLDING_A_PLACE})", name="fires_exactly_while_it_waits"),
    CheckConstraint(f"(ended_at IS NULL) = ({HOLDING_A_PLACE})", name="ended_exactly_when_over"),
    Index("ix_referrals_fire", "city_id", "fires_at", postgresql_where=text("fires_at IS NOT NULL")),
    Index("ix_referrals_to", "city_id", "to_facility", "state", postgresql_where=text("to_facility IS NOT NULL")),
    Index("ix_referrals_city_id_case_id", "city_id", "case_id", postgresql_where=text("case_id IS NOT NULL")),
    Index("ix_referrals_city_id_offered_at", "city_id", "offered_at"),
    comment="Somebody is to go from one pair of hands into another: asked, answered, on the way, handed over.",
)

referral_people = Table(
    "referral_people",
    metadata,
    _city(),
    _id(),
    _id("referral_id"),
    _id("case_id", nullable=True),
    Column("person_index", Integer, comment="their place in the record of the case's handling, from 0"),
    _id("person_id", nullable=True),
    _text("sex"),
    _text("age_band"),
    Column("live", Boolean, nullable=False, comment="the referral is not over: nobody else is asked to take them"),
    _at("released_at", nullable=True),
    _sealed("told"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "referral_id"], ["referrals.city_id", "referrals.id"]),
    CheckConstraint("person_index BETWEEN 0 AND 98", name="person_index"),
    CheckConstraint("(case_id IS NOT NULL AND person_index IS NOT NULL) OR person_id IS NOT NULL", name="somebody"),
    # Never two holders of one person: whoever is on the way to somebody is held out to nobody else.
    Index(
        "uq_referral_people_of_a_case", "city_id", "case_id", "person_index",
        unique=True, postgresql_where=text("live AND person_index IS NOT NULL"),
    ),
    Index(
        "uq_referral_people_of_the_register", "city_id", "person_id",
        unique=True, postgresql_where=text("live AND person_id IS NOT NULL"),
    ),
    Index("ix_referral_people_city_id_referral_id", "city_id", "referral_id"),
    comment="Who is referred, as far as the receiver has to know; no names.",
)  # fmt: skip

# --- the ground ------------------------------------------------------------------------------------------------------

regions = Table(
    "regions",
    metadata,
    _city(),
    _text("code"),
    _text("name"),
    _text("level"),
    _text("parent", nullable=True),
    Column("geom", Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False),
    PrimaryKeyConstraint("city_id", "code"),
    Index("ix_regions_geom", "geom", postgresql_using="gist"),
)

streets = Table(
    "streets",
    metadata,
    _city(),
    Column("number", Integer, nullable=False),
    _text("name"),
    _text("class"),
    Column("rank", Integer, nullable=False),
    Column("geom", Geometry("LINESTRING", srid=4326, spatial_index=False), nullable=False),
    _text("digest"),
    PrimaryKeyConstraint("city_id", "number"),
    Index("ix_streets_geom", "geom", postgresql_using="gist"),
    comment="Drawn from the road graph, whose digest each row has; rank: the larger, the more important (RoadClass).",
)

facilities = Table(
    "facilities",
    metadata,
    _city(),
    _id(),
    _text("code"),
    _text("kind"),
    _text("name"),
    _text("address", nullable=True),
    _text("phone", nullable=True),
    *_place(),
    Column("capacity", Integer),
    Column("hidden", Boolean, nullable=False, server_default=text("false")),
    _texts("takes"),
    _text("opening", nullable=True),
    _text("level", nullable=True),
    Column("is_regional_centre", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "code"),
    Index("ix_facilities_geog", "geog", postgresql_using="gist"),
)

facility_places = Table(
    "facility_places",
    metadata,
    _city(),
    _id("facility_id"),
    _text("kind"),
    Column("capacity", Integer, nullable=False),
    PrimaryKeyConstraint("city_id", "facility_id", "kind"),
    ForeignKeyConstraint(["city_id", "facility_id"], ["facilities.city_id", "facilities.id"]),
    _one_of("kind", ("any", "men", "women", "minors", "families", "medical"), "kind"),
    CheckConstraint("capacity >= 0", name="capacity"),
    comment="How many places a facility has of each kind; one that lists none has places for anybody, up to its capacity.",
)

weather = Table(
    "weather",
    metadata,
    _city(),
    _id(),
    _at("set_at"),
    _text("state"),
    Column("feels_c", Double),
    Column("warned", Boolean, nullable=False, server_default=text("false")),
    _text("set_by"),
    PrimaryKeyConstraint("city_id", "id"),
    Index("ix_weather_city_id_set_at", "city_id", "set_at"),
    comment="The weather as it was set, newest counts: roads are slower in it, and being outside is a danger.",
)

observations = Table(
    "observations",
    metadata,
    _city(),
    _id(),
    _at("at"),
    _text("station"),
    Column("temperature_c", Double, nullable=False),
    Column("humidity", Double),
    Column("wind_mps", Double),
    Column("felt_c", Double, nullable=False),
    _text("felt_by"),
    Column("lon", Double),
    Column("lat", Double),
    _at("received_at"),
    _text("received_from"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "station", "at"),
    Index("ix_observations_city_id_at", "city_id", "at"),
    comment="What stations and desks measured (°C, per cent, m/s), and what it feels like.",
)

warnings = Table(
    "warnings",
    metadata,
    _city(),
    _id(),
    _id("chain_id"),
    _text("source"),
    _text("sender"),
    _text("identifier"),
    _at("sent"),
    _text("msg_type"),
    _text("status"),
    _text("hazard"),
    _text("colour", nullable=True),
    _texts("regions"),
    Column("drawn", LargeBinary, comment="the part of the city that the warning draws, WKB in WGS-84"),
    Column("is_elsewhere", Boolean, nullable=False, server_default=text("false")),
    _json("refers_to", "[]"),
    _json("told"),
    _text("deed"),
    _text("because", nullable=True),
    _text("state"),
    _text("signature", default="none"),
    _at("received_at"),
    _at("state_since"),
    _at("expires_at", nullable=True),
    Column("content", LargeBinary, nullable=False, comment="as it came, packed"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "sender", "identifier"),
    _one_of("state", ("live", "replaced", "lifted", "over", "ignored", "refused"), "state"),
    # One warning of a chain holds at a time.
    Index(
        "uq_warnings_one_live_of_a_chain", "city_id", "chain_id", unique=True, postgresql_where=text("state = 'live'")
    ),
    Index("ix_warnings_expire", "city_id", "expires_at", postgresql_where=text("state = 'live'")),
    Index("ix_warnings_city_id_received_at", "city_id", "received_at"),
    comment="What weather services said (CAP), what each did here, and what holds now.",
)

campaigns = Table(
    "campaigns",
    metadata,
    _city(),
    _id(),
    _text("number"),
    _text("hazard"),
    _text("colour", nullable=True),
    _text("season"),
    _text("cause"),
    _json("basis"),
    _id("chain_id", nullable=True),
    Column("chains", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    _id("warning_id", nullable=True),
    _text("state"),
    _texts("regions"),
    Column("drawn", LargeBinary, comment="the ground, where it is not just the regions: WKB in WGS-84"),
    _json("plan"),
    _at("proposed_at"),
    Column("level", Integer, nullable=False, server_default=text("0")),
    _at("escalates_at", nullable=True),
    _at("opened_at", nullable=True),
    _text("opened_by", nullable=True),
    _at("expires_at", nullable=True),
    _at("closed_at", nullable=True),
    _text("closed_by", nullable=True),
    _text("close_reason", nullable=True),
    _sealed("note"),
    _sealed("answer"),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "number"),
    _one_of("state", ("proposed", "running", "closed", "declined"), "state"),
    _one_of("cause", ("warning", "observed", "hand"), "cause"),
    _one_of("close_reason", ("lifted", "expired", "hand", "downgraded"), "close_reason"),
    CheckConstraint("(opened_at IS NULL) = (opened_by IS NULL)", name="opened_by_somebody_at_some_time"),
    CheckConstraint("state <> 'running' OR opened_at IS NOT NULL", name="running_once_opened"),
    CheckConstraint("(closed_at IS NULL) = (state IN ('proposed', 'running'))", name="over_at_some_time"),
    CheckConstraint("(close_reason IS NULL) = (state <> 'closed')", name="closed_for_a_reason"),
    CheckConstraint("escalates_at IS NULL OR state = 'proposed'", name="escalates_only_while_proposed"),
    # One campaign for one event: a chain of warnings has at most one that is not over.
    Index(
        "uq_campaigns_one_open_of_a_chain", "city_id", "chain_id",
        unique=True, postgresql_where=text("state IN ('proposed', 'running')"),
    ),
    Index("ix_campaigns_open", "city_id", postgresql_where=text("state IN ('proposed', 'running')")),
    Index("ix_campaigns_city_id_proposed_at", "city_id", "proposed_at"),
    comment="What was set going against extreme weather, why, and until when. chains: all warnings' chains that it is about.",
)  # fmt: skip

campaign_points = Table(
    "campaign_points",
    metadata,
    _city(),
    _id(),
    _id("campaign_id"),
    _id("facility_id"),
    _text("state"),
    _at("wanted_at"),
    _at("opened_at", nullable=True),
    _text("opened_by", nullable=True),
    _at("closed_at", nullable=True),
    _text("closed_by", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "campaign_id", "facility_id"),
    ForeignKeyConstraint(["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"]),
    ForeignKeyConstraint(["city_id", "facility_id"], ["facilities.city_id", "facilities.id"]),
    _one_of("state", ("wanted", "open", "closed"), "state"),
    CheckConstraint("state <> 'open' OR opened_at IS NOT NULL", name="open_once_opened"),
    CheckConstraint("(closed_at IS NULL) = (state <> 'closed')", name="closed_at_some_time"),
    comment="Temporary points 临时御寒(防暑)点 that a campaign wants open, and since when they are.",
)

campaign_calls = Table(
    "campaign_calls",
    metadata,
    _city(),
    _id(),
    _id("campaign_id"),
    _id("team_id"),
    _at("called_at"),
    _json("why"),
    _at("came_at", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    UniqueConstraint("city_id", "campaign_id", "team_id"),
    ForeignKeyConstraint(["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"]),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    comment="Teams off duty that a campaign called in 召集, why these, and when they came.",
)

stock_moves = Table(
    "stock_moves",
    metadata,
    _city(),
    _id(),
    _at("at"),
    _text("item"),
    Column("amount", Integer, nullable=False),
    _text("from_place"),
    _text("to_place"),
    _text("cause"),
    _text("by"),
    _id("team_id", nullable=True),
    _id("campaign_id", nullable=True),
    _id("case_id", nullable=True),
    _sealed("note"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"]),
    ForeignKeyConstraint(["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"]),
    _one_of("cause", ("moved", "counted", "given"), "cause"),
    CheckConstraint("amount > 0", name="moves_something"),
    CheckConstraint("from_place <> to_place", name="moves_somewhere"),
    Index("ix_stock_moves_from", "city_id", "from_place", "item"),
    Index("ix_stock_moves_to", "city_id", "to_place", "item"),
    Index("ix_stock_moves_city_id_at", "city_id", "at"),
    Index("ix_stock_moves_case", "city_id", "case_id", postgresql_where=text("case_id IS NOT NULL")),
    Index("ix_stock_moves_campaign", "city_id", "campaign_id", postgresql_where=text("campaign_id IS NOT NULL")),
    comment="Supplies from one place to another: what lies where is the sum of its moves.",
)

sweeps = Table(
    "sweeps",
    metadata,
    _city(),
    _id("campaign_id"),
    _text("laid_for", nullable=True),
    _at("laid_at", nullable=True),
    _at("planned_at", nullable=True),
    Column("considered", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    _id("claim", nullable=True),
    _at("claim_until", nullable=True),
    _at("ended_at", nullable=True),
    PrimaryKeyConstraint("city_id", "campaign_id"),
    ForeignKeyConstraint(["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"]),
    Index("ix_sweeps_going", "city_id", postgresql_where=text("ended_at IS NULL")),
    comment="How far the machine is with a campaign's sweep, and who lays out or plans now: a schedule.",
)

sweep_cells = Table(
    "sweep_cells",
    metadata,
    _city(),
    _id("campaign_id"),
    _text("cell"),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    _text("name", nullable=True),
    Column("score", Double, nullable=False),
    _json("why", "[]"),
    _text("state"),
    _at("laid_at"),
    _at("due_at"),
    _at("looked_at", nullable=True),
    Column("looks", Integer, nullable=False, server_default=text("0")),
    Column("detection", Double),
    _id("team_id", nullable=True),
    _at("leased_until", nullable=True),
    _text("dropped_because", nullable=True),
    _at("unserved_since", nullable=True),
    PrimaryKeyConstraint("city_id", "campaign_id", "cell"),
    ForeignKeyConstraint(["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"]),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    _one_of("state", ("due", "leased", "covered", "dropped"), "state"),
    CheckConstraint("(team_id IS NOT NULL) = (state = 'leased')", name="a_team_exactly_while_leased"),
    CheckConstraint("(leased_until IS NOT NULL) = (state = 'leased')", name="until_a_moment_exactly_while_leased"),
    CheckConstraint("(dropped_because IS NOT NULL) = (state = 'dropped')", name="dropped_for_a_reason"),
    CheckConstraint("state <> 'covered' OR looked_at IS NOT NULL", name="covered_only_once_looked_at"),
    CheckConstraint("(looked_at IS NULL) = (detection IS NULL)", name="a_chance_exactly_once_looked_at"),
    # A cell is one row and has one holder; nor does a team hold two cells of a campaign.
    Index(
        "uq_sweep_cells_one_lease_per_team", "city_id", "campaign_id", "team_id",
        unique=True, postgresql_where=text("state = 'leased'"),
    ),
    comment="Ground that a campaign covers, cell by cell (H3): the stop in it, why it is worth a look, and how it stands now.",
)  # fmt: skip

sweep_looks = Table(
    "sweep_looks",
    metadata,
    _city(),
    _id(),
    _id("campaign_id"),
    _text("cell"),
    _id("team_id"),
    _at("began_at"),
    _at("ended_at"),
    _text("by"),
    _text("mode"),
    Column("detection", Double, nullable=False),
    Column("is_passing", Boolean, nullable=False, server_default=text("false")),
    Column("off_by_m", Double),
    _at("refuted_at", nullable=True),
    _sealed("reason"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(
        ["city_id", "campaign_id", "cell"],
        ["sweep_cells.city_id", "sweep_cells.campaign_id", "sweep_cells.cell"],
        name="fk_sweep_looks_sweep_cells",
    ),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    _one_of("by", ("track", "hand"), "by"),
    CheckConstraint("ended_at >= began_at", name="ends_after_it_began"),
    Index("ix_sweep_looks_of_a_cell", "city_id", "campaign_id", "cell"),
    Index("ix_sweep_looks_of_a_team", "city_id", "campaign_id", "team_id", "ended_at"),
    comment="Each presence of a team in a cell that counts, by its track or by hand with a reason.",
)

sweep_tours = Table(
    "sweep_tours",
    metadata,
    _city(),
    _id(),
    _id("campaign_id"),
    _id("team_id"),
    _texts("cells"),
    Column("minutes", ARRAY(Double), nullable=False, server_default=text("'{}'::double precision[]")),
    _text("state"),
    _at("planned_at"),
    _text("why"),
    _at("ended_at", nullable=True),
    _text("ended_because", nullable=True),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(["city_id", "campaign_id"], ["campaigns.city_id", "campaigns.id"]),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    _one_of("state", ("current", "replaced", "done"), "state"),
    CheckConstraint("(ended_at IS NULL) = (state = 'current')", name="ended_at_some_time"),
    CheckConstraint("cardinality(cells) = cardinality(minutes)", name="minutes_to_each_stop"),
    # A team goes one way at a time, whatever campaign it is for.
    Index(
        "uq_sweep_tours_one_current_per_team", "city_id", "team_id",
        unique=True, postgresql_where=text("state = 'current'"),
    ),
    Index("ix_sweep_tours_of_a_campaign", "city_id", "campaign_id", "planned_at"),
    comment="Which cells a team was to look at in which order, and why it was planned so.",
)  # fmt: skip

sweep_passes = Table(
    "sweep_passes",
    metadata,
    _city(),
    _id(),
    _id("campaign_id"),
    _text("cell"),
    _id("team_id"),
    _at("said_at"),
    _sealed("reason"),
    PrimaryKeyConstraint("city_id", "id"),
    ForeignKeyConstraint(
        ["city_id", "campaign_id", "cell"],
        ["sweep_cells.city_id", "sweep_cells.campaign_id", "sweep_cells.cell"],
        name="fk_sweep_passes_sweep_cells",
    ),
    ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"]),
    Index("ix_sweep_passes_of_a_cell", "city_id", "campaign_id", "cell"),
    comment="A team says that a cell cannot be reached now, and why.",
)

circle_alarms = Table(
    "circle_alarms",
    metadata,
    _city(),
    _id(),
    _at("opened_at"),
    _at("closed_at", nullable=True),
    Column("share", Double, nullable=False),
    _texts("cells"),
    PrimaryKeyConstraint("city_id", "id"),
    Index("uq_circle_alarms_one_open", "city_id", unique=True, postgresql_where=text("closed_at IS NULL")),
)


office_time = Table(
    "office_time",
    metadata,
    _city(),
    Column("offset_s", Double, nullable=False, server_default=text("0")),
    _at("machine_at"),
    _at("office_at"),
    PrimaryKeyConstraint("city_id"),
    comment="What the office's time is ahead of the database's clock, and when both were last seen together.",
)


# A machine that vanishes in the middle of a transaction holds its locks, the log's among them, until the server gives it
# up: that must be seconds, not the two hours of TCP. And a server that vanishes must not hold us.
GIVES_UP = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "15s",
}
CONNECTS_WITHIN_S = 5.0


def make_engine(url: str, *, pool_size: int = 10, statement_timeout_s: float = 15.0) -> AsyncEngine:
    """An engine for `postgresql://…` (asyncpg). JSON travels through msgspec; nothing is waited for without an end.

    statement_timeout_s: for a statement, and for a transaction in which nothing is asked. A free connection is waited for
    5 s; what takes longer raises SQLAlchemyError or TimeoutError.
    """
    lasts = f"{statement_timeout_s:.0f}s"
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECTS_WITHIN_S,
        hide_parameters=True,  # an error's message ends up in logs, and a parameter may be somebody's number
        json_serializer=lambda value: msgspec.json.encode(value).decode(),
        json_deserializer=msgspec.json.decode,
        connect_args={
            "timeout": CONNECTS_WITHIN_S,
            "command_timeout": statement_timeout_s + 5.0,
            "server_settings": {
                "application_name": "rescue",
                "statement_timeout": lasts,
                "idle_in_transaction_session_timeout": lasts,
                **GIVES_UP,
            },
        },
    )
