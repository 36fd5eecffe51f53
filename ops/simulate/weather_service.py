"""A weather service that is made up: a cold wave that comes, gets graver and is lifted, sent in as any warning is.

Everything of it is invented, and says so in each warning; the times fit the day that is replayed. `cold_wave` is the messages,
`WeatherService` the one who sends them at their times, and again after a restart, which changes nothing.
"""

from datetime import datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape

from msgspec import Struct

from backend.campaign.hazard import COLOUR_NAMES, HAZARD_NAMES
from backend.city import City
from backend.policy import Colour, Hazard
from ops.demo_accounts import DemoAccount
from ops.simulate.person import Event
from ops.simulate.phone import Line, Phone

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
SEVERITY: Final[dict[Colour, str]] = {"blue": "Minor", "yellow": "Moderate", "orange": "Severe", "red": "Extreme"}
MADE_UP_ZH: Final = "（演示数据，虚构）"
MADE_UP_EN: Final = " (demonstration, made up)"


class Message(Struct, frozen=True, kw_only=True):
    """One warning of the service. lifts: it ends what held."""

    at: datetime
    hazard: Hazard
    colour: Colour
    number: int
    after: int | None = None
    lifts: bool = False
    lasts: timedelta = timedelta(hours=12)


class Step(Struct, frozen=True):
    """So long after the beginning a warning of this colour comes; None: it is lifted."""

    after: timedelta
    colour: Colour | None


DEMONSTRATION: Final = (
    Step(timedelta(minutes=20), "blue"),
    Step(timedelta(minutes=65), "orange"),
    Step(timedelta(minutes=135), None),
)
"""From half past seven on. At ten times the speed of life the warning comes after two minutes, the day's crews have their tours after three,
and it is lifted after a quarter of an hour."""


def chain(begins: datetime, steps: tuple[Step, ...] = DEMONSTRATION, hazard: Hazard = "cold_wave") -> list[Message]:
    """The messages of one event, each referring to the one before."""
    found: list[Message] = []
    for number, step in enumerate(steps):
        colour = step.colour or found[-1].colour
        before = number - 1 if number else None
        at = begins + step.after
        found.append(
            Message(at=at, hazard=hazard, colour=colour, number=number, after=before, lifts=step.colour is None)
        )
    return found


def as_cap(message: Message, first: datetime, city: City) -> bytes:
    """The warning as CAP 1.2, the way Chinese services write it: both languages, the ground by its code, the colour in the headline."""
    sender = f"{city.name_zh}气象台（演示）"
    series = f"DEMO-{city.id}-{first.astimezone(city.zone):%Y%m%d%H%M}"
    sent = message.at.astimezone(city.zone)
    kind = "Alert" if message.after is None else "Cancel" if message.lifts else "Update"
    references = (
        ""
        if message.after is None
        else f"<references>{sender},{series}-{message.after},{sent.isoformat()}</references>"
    )
    head = (
        f"<identifier>{series}-{message.number}</identifier><sender>{sender}</sender><sent>{sent.isoformat()}</sent>"
        f"<status>Actual</status><msgType>{kind}</msgType><scope>Public</scope>{references}"
    )
    infos = "".join(_info(message, city, language) for language in ("zh-CN", "en-US"))
    return f'<?xml version="1.0" encoding="UTF-8"?><alert xmlns="{NAMESPACE}">{head}{infos}</alert>'.encode()


def _info(message: Message, city: City, language: str) -> str:
    zh = language == "zh-CN"
    event, headline, description = (escape(text) for text in (_zh(message, city) if zh else _en(message, city)))
    expires = (message.at + message.lasts).astimezone(city.zone).isoformat()
    area = f"{city.name_zh}市" if zh else city.name_en
    return (
        f"<info><language>{language}</language><category>Met</category><event>{event}</event><urgency>Expected</urgency>"
        f"<severity>{SEVERITY[message.colour]}</severity><certainty>Likely</certainty><expires>{expires}</expires>"
        f"<senderName>{escape(city.name_zh)}气象台（演示）</senderName><headline>{headline}</headline><description>{description}</description>"
        f"<area><areaDesc>{escape(area)}</areaDesc><geocode><valueName>CPEAS Geographic Code</valueName>"
        f"<value>{city.id}000000</value></geocode></area></info>"
    )


def _zh(message: Message, city: City) -> tuple[str, str, str]:
    event, colour = HAZARD_NAMES[message.hazard][0], COLOUR_NAMES[message.colour][0]
    did = "解除" if message.lifts else "发布" if message.after is None else "升级发布"
    said = f"{city.name_zh}气象台{did}{event}{colour}预警信号{MADE_UP_ZH}"
    if message.lifts:
        return event, said, f"{event}影响已减弱，解除预警。{MADE_UP_ZH}"
    return (
        event,
        said,
        f"预计未来12小时气温明显下降，最低气温降至零下，并伴有大风。请注意街头露宿人员防寒。{MADE_UP_ZH}",
    )


def _en(message: Message, city: City) -> tuple[str, str, str]:
    event, colour = HAZARD_NAMES[message.hazard][1], COLOUR_NAMES[message.colour][1]
    if message.lifts:
        return (
            event,
            f"{city.name_en}: {colour} {event} warning lifted{MADE_UP_EN}",
            f"The {event} is weakening.{MADE_UP_EN}",
        )
    said = f"{city.name_en}: {colour} {event} warning{MADE_UP_EN}"
    return (
        event,
        said,
        f"Much colder within 12 hours, below freezing, with strong wind. People sleeping out are at risk.{MADE_UP_EN}",
    )


class WeatherService:
    """Sends each message at its time, through the route that anybody uses who hands in a warning."""

    def __init__(self, city: City, messages: list[Message], account: DemoAccount, line: Line) -> None:
        """messages: of one or several events, earliest first; numbers count from 0 in each."""
        self.name = "weather service"
        self.faults: list[str] = []
        self.taken: list[str] = []
        self._city, self._messages, self._account, self._phone = city, messages, account, Phone(line)
        self._next = 0

    @property
    def next_at(self) -> datetime | None:
        return self._messages[self._next].at if self._next < len(self._messages) else None

    async def begin(self, now: datetime) -> None:
        """What was sent before a restart is sent again, and is known."""
        await self._phone.sign_in(self._account.login, self._account.password)
        await self.act(now)

    async def act(self, now: datetime) -> None:
        while (at := self.next_at) is not None and at <= now:
            message = self._messages[self._next]
            self._next += 1
            cap = as_cap(message, self._first_of(message), self._city).decode()
            reply = await self._phone.post("/api/warnings", {"cap": cap})
            if reply.ok:
                self.taken.append(str(reply.body["because"] or reply.body["deed"]))
            else:
                self.faults.append(f"warning: {reply.status} {reply.body}")

    def _first_of(self, message: Message) -> datetime:
        """When the event of this message was first warned of: its number is how many came before."""
        return self._messages[self._messages.index(message) - message.number].at

    def hear(self, event: Event, now: datetime) -> None:
        """The service hears nothing of the log."""

    async def end(self) -> None:
        await self._phone.close()
