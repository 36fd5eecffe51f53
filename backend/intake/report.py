"""A report as it is sent in, and the sighting that is kept of it.

`prepare` judges one report by itself: place, time, words, danger. Whether it is about somebody who is known already
needs the other sightings and is asked in `backend.dispatch.filing`.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.city import City
from backend.errors import Invalid
from backend.geo.place import Crs, LonLat, locate
from backend.ids import new_id
from backend.intake import duplicates
from backend.intake.looks import Looks, own_words
from backend.intake.receipts import new_receipt
from backend.intake.triage import Triage, WeatherNow, assess
from backend.phone_clock import ON_TIME, PhoneClock
from backend.policy import Danger

Channel = Literal["web", "app", "hotline", "grid", "taxi", "patrol", "partner"]

CHANNEL_NAMES: dict[str, tuple[str, str]] = {
    "web": ("网页群众", "public web"),
    "app": ("手机群众", "public app"),
    "hotline": ("热线", "hotline"),
    "grid": ("网格员", "grid worker"),
    "taxi": ("出租车/公交", "taxi or bus driver"),
    "patrol": ("巡查", "patrol"),
    "partner": ("外部系统", "partner system"),
    "revisit": ("回访", "revisit"),
}

CHANNELS_OF_ROLE: dict[str, frozenset[str]] = {
    "public": frozenset({"web", "app"}),
    "driver": frozenset({"taxi", "app"}),
    "grid_worker": frozenset({"grid", "app"}),
    "operator": frozenset({"hotline"}),
    "dispatcher": frozenset({"hotline", "patrol"}),
    "shift_leader": frozenset({"hotline", "patrol"}),
    "officer": frozenset({"patrol"}),
    "station_staff": frozenset({"patrol", "hotline"}),
    "partner": frozenset({"partner"}),
}

AHEAD = timedelta(minutes=10)
"""A phone's clock may be this far ahead; then the moment counts as now and the sighting says so."""
OLDEST = timedelta(days=7)
"""A report of something longer ago is no longer a sighting."""


class GivenPlace(Struct, frozen=True, forbid_unknown_fields=True):
    """A position as a phone or a person gives it. lon, lat in degrees of `crs`; accuracy_m: radius in metres."""

    lon: float
    lat: float
    crs: Crs = Crs.WGS84
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000)] | None = None


class Contact(Struct, frozen=True, forbid_unknown_fields=True):
    """How to reach the reporter; personal data, kept apart."""

    phone: Annotated[str, Meta(max_length=40)] | None = None
    name: Annotated[str, Meta(max_length=40)] | None = None
    call_back: bool = False


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What anybody sends in. id: made by the client (UUIDv7), so that sending twice is one sighting.

    one_of_these: what the reporter answered when asked whether it is somebody known nearby; None when not asked.
    """

    place: GivenPlace
    channel: Channel = "web"
    id: UUID | None = None
    occurred_at: datetime | None = None
    people_count: Annotated[int, Meta(ge=1, le=999)] = 1
    looks: Looks = Looks()
    dangers: Annotated[list[Danger], Meta(max_length=20)] = []
    description: Annotated[str, Meta(max_length=2000)] = ""
    address: Annotated[str, Meta(max_length=200)] = ""
    contact: Contact | None = None
    recording_ref: Annotated[str, Meta(max_length=200)] | None = None
    one_of_these: bool | None = None


class Sighting(Struct, frozen=True, kw_only=True):
    """线索 as it is kept. reporter: an actor's id, or the receipt. warnings: what was odd, with a code and a sentence in both languages.

    detailed_at: when its reporter last added to it.
    """

    id: UUID
    receipt: str
    channel: Channel
    reporter: str
    occurred_at: datetime
    received_at: datetime
    lon: float
    lat: float
    given_place: dict[str, Any]
    accuracy_m: float | None
    in_area: bool
    regions: list[str]
    address: str | None
    description: str | None
    people_count: int
    looks: dict[str, Any]
    dangers: list[Danger]
    warnings: list[dict[str, Any]]
    detailed_at: datetime | None = None


class Prepared(Struct, frozen=True, kw_only=True):
    """A judged report, ready to be filed."""

    sighting: Sighting
    triage: Triage
    contact: Contact | None
    recording_ref: str | None
    by: Actor
    one_of_these: bool | None = None

    def for_duplicates(self) -> duplicates.Report:
        """What the duplicate rule looks at."""
        kept = self.sighting
        return duplicates.Report(
            place=LonLat(kept.lon, kept.lat),
            occurred_at=kept.occurred_at,
            people_count=kept.people_count,
            looks=msgspec.convert(kept.looks, Looks),
            text=kept.description or "",
            accuracy_m=kept.accuracy_m,
            reporter=kept.reporter if _is_who_saw_it(kept) else None,
            said_same=self.one_of_these,
        )


def _is_who_saw_it(kept: Sighting) -> bool:
    """Whether an account stands for the person who saw: an operator passes on what many callers say, a partner likewise."""
    return not kept.reporter.startswith("receipt:") and kept.channel not in ("hotline", "partner")


def prepare(
    report: Report,
    city: City,
    by: Actor,
    now: datetime,
    *,
    weather: WeatherNow | None = None,
    phone: PhoneClock = ON_TIME,
) -> Prepared:
    """Judge one report; phone: the clock by which it says when. Raises Invalid with a sentence for the reporter; odd but possible things become warnings."""
    _demand_channel(report.channel, by)
    located = locate(report.place.lon, report.place.lat, report.place.crs, city.area)
    occurred_at, late = _moment(report.occurred_at, now, phone)
    warnings = [msgspec.to_builtins(w) for w in located.warnings] + late
    looks, others = own_words(report.looks)
    description = "\n".join([part for part in (report.description, " ".join(others)) if part])
    triage = assess(
        report.dangers,
        city.policy,
        local=occurred_at.astimezone(city.zone),
        looks=looks,
        weather=weather,
        text=description,
    )
    id_ = report.id or new_id()
    sighting = Sighting(
        id=id_,
        receipt=new_receipt(),
        channel=report.channel,
        # The public has no account: what is theirs is known by the receipt alone.
        reporter=f"receipt:{id_}" if by.kind == "public" else by.id,
        occurred_at=occurred_at,
        received_at=now,
        lon=round(located.place.lon, 7),
        lat=round(located.place.lat, 7),
        given_place=msgspec.to_builtins(report.place),
        accuracy_m=report.place.accuracy_m,
        in_area=located.in_area,
        regions=city.regions_of(located.place),
        address=_words(report.address),
        description=_words(description),
        people_count=report.people_count,
        looks=msgspec.to_builtins(looks),
        dangers=[*triage.dangers, *triage.suggested],
        warnings=warnings,
    )
    return Prepared(
        sighting=sighting,
        triage=triage,
        contact=_usable(report.contact),
        recording_ref=_words(report.recording_ref or ""),
        by=by,
        one_of_these=report.one_of_these,
    )


def _demand_channel(channel: str, by: Actor) -> None:
    may = frozenset().union(*(CHANNELS_OF_ROLE.get(role, frozenset()) for role in by.roles))
    if channel not in may:
        zh, en = CHANNEL_NAMES[channel]
        raise Invalid(
            f"您不能以“{zh}”的渠道上报。",
            f"You cannot report through the channel {en}.",
            code="wrong_channel",
            field="channel",
            hint=", ".join(sorted(may)),
        )


def _moment(said: datetime | None, now: datetime, phone: PhoneClock) -> tuple[datetime, list[dict[str, Any]]]:
    """When it was seen. A clock a little ahead counts as now; what is far ahead or long ago is refused."""
    if said is None:
        return now, []
    if said.tzinfo is None:
        raise Invalid("时间必须带时区。", "The time needs its zone.", field="occurred_at", hint=now.isoformat())
    said = phone.right(said)
    if said > now + AHEAD:
        raise Invalid(
            "时间在未来，请检查手机时钟。", "The time lies in the future: check the clock.", field="occurred_at"
        )
    if said < now - OLDEST:
        raise Invalid(
            "时间太久，请按新情况上报。", "That is more than a week ago.", field="occurred_at", code="too_long_ago"
        )
    if said > now:
        warning = {
            "code": "clock_ahead",
            "zh": "手机时钟偏快，按现在计。",
            "en": "The phone's clock is ahead; taken as now.",
        }
        return now, [warning]
    return said, _clock_was_off(phone)


def _clock_was_off(phone: PhoneClock) -> list[dict[str, Any]]:
    if (off_s := phone.off_s) is None:
        return []
    minutes = abs(off_s) / 60
    zh = f"手机时钟{'快' if off_s > 0 else '慢'} {minutes:.0f} 分钟，时间已校正。"
    en = f"The phone's clock was {minutes:.0f} min {'ahead' if off_s > 0 else 'behind'}; the time has been put right."
    return [{"code": "phone_clock_off", "zh": zh, "en": en}]


def _usable(contact: Contact | None) -> Contact | None:
    if contact is None:
        return None
    return Contact(phone=_words(contact.phone or ""), name=_words(contact.name or ""), call_back=contact.call_back)


def _words(text: str) -> str | None:
    """The text without what a database or a screen cannot show; None when nothing is left."""
    kept = "".join(c for c in text if c.isprintable() or c == "\n").strip()
    return kept or None
