"""A town to look at through a browser: the real application with its worker, and people who act in it over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.async_api import Browser, Page, expect

from backend.city import City
from backend.clock import CHINA, ScaledClock
from backend.worker import Worker
from ops.load_city import load_city
from tests.api.builders import IN_ZHONGSHAN, PASSWORD, Api, Person, a_report, settings_of
from tests.api.server import serving

MORNING = datetime(2016, 9, 19, 9, 0, tzinfo=CHINA)
WAIT_MS = 20_000
"""How long something may take to appear: two busy cores, not what a person would wait."""
DRAWN_MS = 90_000
"""A 4K map that the processor draws, beside other tests."""
SCREENS = Path(__file__).resolve().parents[2] / "docs" / "screens"


NAMES = {
    "dispatcher": "周敏",
    "operator": "李静",
    "checker": "王建国",
    "shift_leader": "赵海燕",
    "supervisor": "孙立",
    "admin": "吴桐",
    "grid_worker": "陈玉兰",
}


def login_of(*roles: str, **more: Any) -> str:
    """What somebody of the town signs in with."""
    return "-".join((*roles, *(str(one)[-6:] for one in more.values())))


@dataclass
class Town:
    """The application, the city's folder, and who has an account: by login."""

    api: Api
    city_folder: Path
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the control room is."""
        return f"http://127.0.0.1:{self.api.port}/"

    def now(self) -> datetime:
        """The office's time."""
        return self.api.parts.clock.now()

    def later(self, **span: float) -> None:
        """So much time has passed in the office (minutes=20)."""
        clock = self.api.parts.clock
        assert isinstance(clock, ScaledClock)
        clock.start += timedelta(**span)

    async def somebody(self, *roles: str, **more: Any) -> Person:
        """One person with these roles, made when first wanted."""
        login = login_of(*roles, **more)
        if login not in self.people:
            self.people[login] = await self.api.person(*roles, login=login, name=NAMES.get(roles[0], "郑强"), **more)
        return self.people[login]

    async def staff_of(self, code: str) -> Person:
        """Somebody who works at the house of this code."""
        return await self.somebody("station_staff", facility_id=await self.house(code))

    async def house(self, code: str) -> UUID:
        """The id of the house of this code."""
        async with self.api.office.db.connect() as tx:
            found = await tx.exec_driver_sql("SELECT id FROM facilities WHERE code = $1", (code,))
        house_id: UUID = found.scalar_one()
        return house_id

    async def report(
        self, place: tuple[float, float] = IN_ZHONGSHAN, *, by: Person | None = None, **other: Any
    ) -> UUID:
        """Somebody reports, the public when nobody is named; the id of the case it belongs to."""
        receipt = (await (by or self.api.public).did("/api/reports", a_report(place, **other)))["receipt"]
        async with self.api.office.db.connect() as tx:
            found = await tx.exec_driver_sql(
                "SELECT l.case_id FROM sightings s JOIN case_sightings l ON l.city_id = s.city_id AND l.sighting_id = s.id "
                "WHERE s.receipt = $1 AND l.left_at IS NULL",
                (receipt,),
            )
            case_id: UUID = found.scalar_one()
        return case_id

    async def case(self, case_id: UUID) -> dict[str, Any]:
        """The case as the server has it."""
        found: dict[str, Any] = (await (await self.somebody("shift_leader")).saw(f"/api/cases/{case_id}"))["case"]
        return found

    async def until(self, case_id: UUID, stage: str) -> dict[str, Any]:
        """Waits until the case has come to the stage."""
        async with asyncio.timeout(WAIT_MS / 1000):
            while True:
                if (found := await self.case(case_id))["stage"] == stage:
                    return found
                await asyncio.sleep(0.05)

    async def officer_of(self, team_id: UUID) -> Person:
        """An officer of the team."""
        return await self.somebody("officer", team_id=team_id)

    async def offer_of(self, case_id: UUID) -> dict[str, Any]:
        """Waits until a team is asked; the offer."""
        leader = await self.somebody("shift_leader")
        async with asyncio.timeout(WAIT_MS / 1000):
            while True:
                offers = (await leader.saw(f"/api/cases/{case_id}"))["offers"]
                if found := [one for one in offers if one["state"] == "offered"]:
                    offer: dict[str, Any] = found[0]
                    return offer
                await asyncio.sleep(0.05)

    async def accept_offer(self, case_id: UUID) -> Person:
        """The team that is asked takes it; its officer."""
        offer = await self.offer_of(case_id)
        officer = await self.officer_of(UUID(offer["team_id"]))
        await officer.did(f"/api/offers/{offer['id']}/accept")
        return officer

    async def handle(self, case_id: UUID, officer: Person, **more: Any) -> None:
        """The team arrives and does what it can. more: of the record (outcome)."""
        case = await self.case(case_id)
        await officer.did(f"/api/cases/{case_id}/arrive", {"lon": case["lon"], "lat": case["lat"]})
        person = {"sex": "male", "age_band": "adult", "capacity": "capable", "consent": "refused"}
        record = {
            "outcome": "informed_and_guided",
            "handled_at": self.now().isoformat(),
            "people": [person],
            "info_left": True,
            "persuasion": "已劝导，本人不愿进站",
            "crew_size": 2,
        }
        await officer.did(f"/api/cases/{case_id}/handle", {"handling": record | more})

    async def go_on_duty(self, *codes: str) -> list[UUID]:
        """The teams of these codes go on duty, at their bases with a fix of now; all when none is named. Their ids."""
        leader = await self.somebody("shift_leader")
        teams = [team for team in await leader.saw("/api/teams") if not codes or team["code"] in codes]
        for team in teams:
            await leader.did(f"/api/teams/{team['id']}/duty", {"state": "on_duty"})
        return [UUID(team["id"]) for team in teams]

    async def move(self, team_id: UUID, lon: float, lat: float, heading_deg: float = 90.0) -> None:
        """The team's phone says where it is."""
        officer = await self.officer_of(team_id)
        fix = {"at": self.now().isoformat(), "lon": lon, "lat": lat, "accuracy_m": 8, "heading_deg": heading_deg}
        await officer.did("/api/officer/positions", {"fixes": [fix]})


@asynccontextmanager
async def a_town(
    database_url: str, redis_url: str, folder: Path, city: City, city_folder: Path, *, loaded: bool = True
) -> AsyncIterator[Town]:
    """The application on a real port with a worker beside it; its day began at nine and goes as fast as life."""
    clock = ScaledClock(MORNING, datetime.now(UTC), 1.0)
    settings = settings_of(database_url, redis_url, folder, clock)  # type: ignore[arg-type]
    async with serving(settings, city) as api:
        office, steady = api.office, api.parts.clock
        if loaded:
            await load_city(office, city_folder, steady.now())
        worker = Worker(office, steady)

        async def work() -> None:
            while True:
                if not await worker.turn():
                    await asyncio.sleep(0.1)

        working = asyncio.create_task(work(), name="worker")
        try:
            yield Town(api, city_folder)
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working


async def sign_in(page: Page, town: Town, login: str, password: str = PASSWORD) -> None:
    """Signs in as a person does, at the form."""
    await page.goto(town.url)
    await page.locator("input[name=login]").fill(login)
    await page.locator("input[name=password]").fill(password)
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-line]")).to_have_attribute("data-state", "live", timeout=WAIT_MS)


async def window_of(
    browser: Browser, town: Town, *roles: str, size: tuple[int, int] = (1366, 768), **more: Any
) -> Page:
    """A browser window of its own in which somebody with these roles has signed in. Errors of the page fail the test."""
    await town.somebody(*roles, **more)
    login = login_of(*roles, **more)
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
    context.set_default_timeout(WAIT_MS)
    page = await context.new_page()
    page.on("pageerror", _fail)
    await sign_in(page, town, login)
    return page


def _fail(error: Any) -> None:
    raise AssertionError(f"the page failed: {error}")


async def at_desk(page: Page, town: Town, desk: str) -> None:
    """Goes to a desk; returns when it stands and what it asks for has come."""
    await page.goto(f"{town.url}#/{desk}")
    name = desk.partition("?")[0]
    await expect(page.locator(f"nav a.router-link-active[href='#/{name}']")).to_be_visible()  # not the desk before it
    await settled(page)


async def settled(page: Page) -> None:
    """Returns when nothing says any more that it is being fetched, and every map is drawn.

    Not when the network is silent: a desk that looks again every few seconds may never let it be on a busy machine.
    """
    await expect(page.get_by_text("正在取")).to_have_count(0, timeout=WAIT_MS)
    await drawn(page)


async def drawn(page: Page) -> None:
    """Returns when every map on the page is drawn."""
    for place in await page.locator(".whole > .map").all():
        await expect(place).to_have_attribute("data-idle", "", timeout=DRAWN_MS)


def line_of(page: Page, case_id: UUID) -> Any:
    """The case's line in the queue."""
    return page.locator(f"[data-case='{case_id}']")
