"""The tables of the first release. Written by `make migration` from backend.db until then; by hand afterwards."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography, Geometry
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.create_table(
        "api_keys",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    op.create_table(
        "circle_alarms",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("cells", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_circle_alarms")),
    )
    op.create_index(
        "uq_circle_alarms_one_open",
        "circle_alarms",
        ["city_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "commands",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column(
            "answer", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'null'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_commands")),
        comment="What a client's command was answered with: the same id twice answers the first result (I8).",
    )
    op.create_table(
        "decisions",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.Column("chosen_team", sa.Uuid(), nullable=True),
        sa.Column(
            "candidates", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column(
            "reason", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("policy_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_decisions")),
        comment="Why this team: the candidates with exact seconds and reasons, as they were when it was decided.",
    )
    op.create_index("ix_decisions_city_id_case_id", "decisions", ["city_id", "case_id", "made_at"], unique=False)
    op.create_table(
        "events",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="commit order, without gaps, from 1"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("case_version", sa.Integer(), nullable=True),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("teams", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'::uuid[]"), nullable=False),
        sa.Column(
            "actor", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("command_id", sa.Uuid(), nullable=True),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "seq", name=op.f("pk_events")),
        sa.UniqueConstraint("city_id", "case_id", "case_version", name=op.f("uq_events_city_id_case_id_case_version")),
    )
    op.create_table(
        "facilities",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column(
            "geog",
            Geography("POINT", srid=4326, spatial_index=False),
            sa.Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography", persisted=True),
            nullable=True,
        ),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("hidden", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("takes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_facilities")),
        sa.UniqueConstraint("city_id", "code", name=op.f("uq_facilities_city_id_code")),
    )
    op.create_index("ix_facilities_geog", "facilities", ["geog"], unique=False, postgresql_using="gist")
    op.create_table(
        "fixes",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("heading_deg", sa.Double(), nullable=True),
        sa.Column("speed_m_s", sa.Double(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("city_id", "team_id", "at", name=op.f("pk_fixes")),
        comment="Tracks: work data, on duty only, deleted after 90 days (DOMAIN §8).",
    )
    op.create_table(
        "outbox",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column(
            "message", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'failed', 'dropped')", name=op.f("ck_outbox_state")),
        sa.CheckConstraint("way IN ('push', 'sms', 'webhook')", name=op.f("ck_outbox_way")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["city_id", "way", "send_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "photos",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sighting_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("thumbnail_sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("taken_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_photos")),
    )
    op.create_index("ix_photos_city_id_sighting_id", "photos", ["city_id", "sighting_id"], unique=False)
    op.create_table(
        "regions",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("geom", Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "code", name=op.f("pk_regions")),
    )
    op.create_index("ix_regions_geom", "regions", ["geom"], unique=False, postgresql_using="gist")
    op.create_table(
        "sightings",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column(
            "geog",
            Geography("POINT", srid=4326, spatial_index=False),
            sa.Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "given_place",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("in_area", sa.Boolean(), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("people_count", sa.Integer(), nullable=False),
        sa.Column(
            "looks", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("dangers", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column(
            "warnings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.CheckConstraint("people_count BETWEEN 1 AND 999", name=op.f("ck_sightings_people_count")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_sightings")),
        sa.UniqueConstraint("city_id", "receipt", name=op.f("uq_sightings_city_id_receipt")),
    )
    op.create_index("ix_sightings_city_id_received_at", "sightings", ["city_id", "received_at"], unique=False)
    op.create_index("ix_sightings_geog", "sightings", ["geog"], unique=False, postgresql_using="gist")
    op.create_table(
        "suggestions",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("other_case_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column(
            "reasons", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.CheckConstraint("state IN ('open', 'joined', 'dismissed')", name=op.f("ck_suggestions_state")),
        sa.PrimaryKeyConstraint("city_id", "case_id", "other_case_id", name=op.f("pk_suggestions")),
        comment="Cases that may be about the same people; a person decides.",
    )
    op.create_table(
        "teams",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("skills", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("women", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("base_lon", sa.Double(), nullable=False),
        sa.Column("base_lat", sa.Double(), nullable=False),
        sa.Column("mobilisation_s", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("shift_pattern", sa.Text(), server_default="24h", nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("mode IN ('car', 'ebike', 'foot')", name=op.f("ck_teams_mode")),
        sa.CheckConstraint("size BETWEEN 1 AND 99", name=op.f("ck_teams_size")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_teams")),
        sa.UniqueConstraint("city_id", "code", name=op.f("uq_teams_city_id_code")),
    )
    op.create_table(
        "tickets",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("ticket_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "ticket_hash", name=op.f("pk_tickets")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "weather",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("feels_c", sa.Double(), nullable=True),
        sa.Column("warned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_weather")),
        comment="The weather as it was set, newest counts: roads are slower in it, and being outside is a danger.",
    )
    op.create_index("ix_weather_city_id_set_at", "weather", ["city_id", "set_at"], unique=False)
    op.create_table(
        "accounts",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_accounts_teams")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("city_id", "login", name=op.f("uq_accounts_city_id_login")),
    )
    op.create_table(
        "cases",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="yyyymmdd and a counter of five digits"),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("dangers", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("call_first", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("skills", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column(
            "geog",
            Geography("POINT", srid=4326, spatial_index=False),
            sa.Computed("ST_SetSRID(ST_MakePoint(lon, lat), 4326)::geography", persisted=True),
            nullable=True,
        ),
        sa.Column("in_area", sa.Boolean(), nullable=False),
        sa.Column("regions", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("people_count", sa.Integer(), nullable=False),
        sa.Column(
            "looks", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sighting_count", sa.Integer(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("handled_by_team", sa.Uuid(), nullable=True),
        sa.Column("handled_by", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("search_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search_round", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("search_phase", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("alarm", sa.Text(), nullable=True),
        sa.Column("rework_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("joined_into", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(team_id IS NOT NULL) = (stage IN ('dispatched', 'handling'))",
            name=op.f("ck_cases_a_team_exactly_while_assigned"),
        ),
        sa.CheckConstraint("priority IN ('critical', 'high', 'normal')", name=op.f("ck_cases_priority")),
        sa.CheckConstraint(
            "search_at IS NULL OR stage = 'accepted'", name=op.f("ck_cases_searched_only_while_accepted")
        ),
        sa.CheckConstraint(
            "stage IN ('discovered', 'accepted', 'dispatched', 'handling', 'handled', 'assisted', 'suspended', 'refused', 'voided', 'joined')",
            name=op.f("ck_cases_stage"),
        ),
        sa.ForeignKeyConstraint(["city_id", "joined_into"], ["cases.city_id", "cases.id"], name=op.f("fk_cases_cases")),
        sa.ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"], name="fk_cases_team"),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_cases")),
        sa.UniqueConstraint("city_id", "number", name=op.f("uq_cases_city_id_number")),
    )
    op.create_index("ix_cases_city_id_opened_at_id", "cases", ["city_id", "opened_at", "id"], unique=False)
    op.create_index("ix_cases_city_id_stage_opened_at", "cases", ["city_id", "stage", "opened_at"], unique=False)
    op.create_index("ix_cases_geog", "cases", ["geog"], unique=False, postgresql_using="gist")
    op.create_index(
        "ix_cases_search",
        "cases",
        ["city_id", "search_at"],
        unique=False,
        postgresql_where=sa.text("search_at IS NOT NULL"),
    )
    op.create_index(
        "uq_cases_one_assignment_per_team",
        "cases",
        ["city_id", "team_id"],
        unique=True,
        postgresql_where=sa.text("stage IN ('dispatched', 'handling')"),
    )
    op.create_table(
        "presence",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="off_duty", nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shift_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("fix_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("heading_deg", sa.Double(), nullable=True),
        sa.Column("speed_m_s", sa.Double(), nullable=True),
        sa.CheckConstraint("state IN ('off_duty', 'on_duty', 'resting')", name=op.f("ck_presence_state")),
        sa.ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_presence_teams")),
        sa.PrimaryKeyConstraint("city_id", "team_id", name=op.f("pk_presence")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "shifts",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_shifts_ends_after_it_starts")),
        sa.ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_shifts_teams")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_shifts")),
    )
    op.create_index("ix_shifts_city_id_team_id", "shifts", ["city_id", "team_id", "starts_at"], unique=False)
    op.create_table(
        "sighting_contacts",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("sighting_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("recording_ref", sa.Text(), nullable=True),
        sa.Column("call_back", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["city_id", "sighting_id"],
            ["sightings.city_id", "sightings.id"],
            name=op.f("fk_sighting_contacts_sightings"),
        ),
        sa.PrimaryKeyConstraint("city_id", "sighting_id", name=op.f("pk_sighting_contacts")),
        comment="Personal data of a reporter, apart from the sighting so that ordinary reads never touch it.",
    )
    op.create_table(
        "approvals",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "wanted", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.CheckConstraint("action IN ('suspend', 'extend', 'return', 'void')", name=op.f("ck_approvals_action")),
        sa.CheckConstraint("state IN ('asked', 'granted', 'refused', 'withdrawn')", name=op.f("ck_approvals_state")),
        sa.ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_approvals_cases")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_approvals")),
    )
    op.create_index(
        "uq_approvals_one_open",
        "approvals",
        ["city_id", "case_id", "action"],
        unique=True,
        postgresql_where=sa.text("state = 'asked'"),
    )
    op.create_table(
        "case_sightings",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("sighting_id", sa.Uuid(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("joined_by", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column(
            "reasons", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("moved_from", sa.Uuid(), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_case_sightings_cases")
        ),
        sa.ForeignKeyConstraint(
            ["city_id", "sighting_id"], ["sightings.city_id", "sightings.id"], name=op.f("fk_case_sightings_sightings")
        ),
        sa.PrimaryKeyConstraint("city_id", "case_id", "sighting_id", name=op.f("pk_case_sightings")),
    )
    op.create_index("ix_case_sightings_city_id_sighting_id", "case_sightings", ["city_id", "sighting_id"], unique=False)
    op.create_table(
        "clocks",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("span", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("yellow_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_s", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_paused_s", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extended", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("restarts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("misses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "fires_at IS NULL OR state IN ('running', 'missed')", name=op.f("ck_clocks_fires_only_while_it_runs")
        ),
        sa.CheckConstraint(
            "state IN ('running', 'paused', 'met', 'missed', 'cancelled')", name=op.f("ck_clocks_state")
        ),
        sa.ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_clocks_cases")),
        sa.PrimaryKeyConstraint("city_id", "case_id", "kind", name=op.f("pk_clocks")),
    )
    op.create_index(
        "ix_clocks_fire",
        "clocks",
        ["city_id", "fires_at"],
        unique=False,
        postgresql_where=sa.text("fires_at IS NOT NULL"),
    )
    op.create_table(
        "handlings",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "arrived_place",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column(
            "record", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "consequences",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("verified_by", sa.Text(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("verdict_note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "verified_by IS NULL OR verified_by <> by", name=op.f("ck_handlings_never_verified_by_the_handler")
        ),
        sa.ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_handlings_cases")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_handlings")),
    )
    op.create_index("ix_handlings_city_id_arrived_at", "handlings", ["city_id", "arrived_at"], unique=False)
    op.create_index("ix_handlings_city_id_case_id", "handlings", ["city_id", "case_id"], unique=False)
    op.create_table(
        "offers",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("eta_s", sa.Double(), nullable=True),
        sa.Column("eta_basis", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('offered', 'accepted', 'declined', 'lapsed', 'withdrawn')", name=op.f("ck_offers_state")
        ),
        sa.ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_offers_cases")),
        sa.ForeignKeyConstraint(["city_id", "team_id"], ["teams.city_id", "teams.id"], name=op.f("fk_offers_teams")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_offers")),
    )
    op.create_index("ix_offers_city_id_case_id", "offers", ["city_id", "case_id"], unique=False)
    op.create_index(
        "ix_offers_lapse",
        "offers",
        ["city_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'offered'"),
    )
    op.create_index(
        "uq_offers_no_second_after_decline",
        "offers",
        ["city_id", "case_id", "team_id", "round"],
        unique=True,
        postgresql_where=sa.text("state IN ('offered', 'accepted', 'declined')"),
    )
    op.create_index(
        "uq_offers_one_live_per_case",
        "offers",
        ["city_id", "case_id"],
        unique=True,
        postgresql_where=sa.text("state = 'offered'"),
    )
    op.create_index(
        "uq_offers_one_live_per_team",
        "offers",
        ["city_id", "team_id"],
        unique=True,
        postgresql_where=sa.text("state = 'offered'"),
    )
    op.create_table(
        "revisits",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="due", nullable=False),
        sa.Column("opened_case", sa.Uuid(), nullable=True),
        sa.CheckConstraint("state IN ('due', 'opened', 'done')", name=op.f("ck_revisits_state")),
        sa.ForeignKeyConstraint(["city_id", "case_id"], ["cases.city_id", "cases.id"], name=op.f("fk_revisits_cases")),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_revisits")),
    )
    op.create_index("ix_revisits_city_id_case_id", "revisits", ["city_id", "case_id"], unique=False)
    op.create_index(
        "ix_revisits_due", "revisits", ["city_id", "due_at"], unique=False, postgresql_where=sa.text("state = 'due'")
    )
    op.create_table(
        "sessions",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["city_id", "account_id"], ["accounts.city_id", "accounts.id"], name=op.f("fk_sessions_accounts")
        ),
        sa.PrimaryKeyConstraint("city_id", "id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )


def downgrade() -> None:
    raise NotImplementedError("There is nothing before the first release to go back to.")
