"""From stays to looks and from looks to cells: the same whatever order positions came in, however often they were read."""

from datetime import datetime, timedelta
from itertools import count
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backend.campaign.looked import Crew, Timing, after_looks, falls_due, rest, settle, stops_left, waits
from backend.campaign.presence import AWAY, STILL_GAP_S, Fix, stays, worth
from backend.campaign.sweep_records import Look, SweepCell, Tour
from backend.geo.cells import centre, ring
from tests.campaign.test_presence import BEGAN, HERE, NEXT, RULES, WALK, at, east, standing, stops, walked

CAMPAIGN, TEAM, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
CREW = Crew(campaign_id=CAMPAIGN, team_id=TEAM, mode="car", detection=0.5)
LEASE = timedelta(minutes=20)
BEFORE = LEASE + timedelta(minutes=5)
GROUND = stops(HERE, *ring(HERE, 2)[1:])
HOUR = timedelta(hours=1)
TIMING = Timing(every=2 * HOUR, yellow_at=0.8, due_below=0.3)


class Reader:
    """Positions as they come in, read as the worker reads them: from where it was, from what came late, with some before."""

    def __init__(self) -> None:
        self.fixes: dict[datetime, Fix] = {}
        self.until: datetime | None = None
        self.late: datetime | None = None
        self.looks: dict[UUID, Look] = {}
        self._ids = count(100)

    def come(self, *fixes: Fix) -> None:
        newest = max(self.fixes, default=None)
        for fix in fixes:
            self.fixes.setdefault(fix.at, fix)
        first = min(fix.at for fix in fixes)
        if newest is not None and first <= newest:
            self.late = min(first, self.late or first)

    def read(self, now: datetime) -> None:
        if not self.fixes:
            return
        known = [moment for moment in (self.until, self.late) if moment is not None]
        since = max(BEGAN, (min(known) if self.until else BEGAN) - BEFORE)
        earlier = [moment for moment in self.fixes if moment <= since]
        since = max(earlier, default=since)
        track = [fix for fix in self.fixes.values() if fix.at >= since]
        kept = [look for look in self.looks.values() if look.ended_at >= since - AWAY]
        found = stays(track, GROUND, RULES, now=now)
        settled = settle(
            kept, found, CREW, RULES, since=since, now=now, lease=LEASE, new_id=lambda: UUID(int=next(self._ids))
        )
        self.looks |= {after.id: after for _, after in settled}
        self.until, self.late = max(self.fixes), None

    def counted(self) -> set[tuple[str, datetime, datetime, float, bool]]:
        return {
            (look.cell, look.began_at, look.ended_at, look.detection, look.is_passing)
            for look in self.looks.values()
            if look.refuted_at is None
        }


def expected(fixes: list[Fix]) -> set[tuple[str, datetime, datetime, float, bool]]:
    """What the whole track says, read at once when all is over."""
    return {
        (stay.cell, stay.began_at, stay.ended_at, CREW.detection * share, share != 1.0)
        for stay in stays(fixes, GROUND, RULES, now=at(10**7))
        if (share := worth(stay, RULES)) is not None
    }


@given(WALK, st.integers(1, 12), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_positions_in_any_order_in_any_batches_lead_to_the_same_looks(
    steps: list[tuple[int, int, float | None, float | None]], size: int, chance: Random
) -> None:
    track = walked(steps)
    order = list(track)
    chance.shuffle(order)
    reader = Reader()
    clock = at(0)
    for n in range(0, len(order), size):
        batch = order[n : n + size]
        reader.come(*batch, *chance.sample(order[: n + 1], min(2, n)))
        clock = max([clock, *(fix.at for fix in batch)])
        if chance.random() < 0.7:
            reader.read(clock + timedelta(seconds=chance.randint(0, 60)))
    reader.read(clock + timedelta(seconds=STILL_GAP_S + 1))
    reader.read(clock + timedelta(seconds=STILL_GAP_S + 2))
    assert reader.counted() == expected(track)


def test_reading_the_same_again_changes_nothing() -> None:
    reader = Reader()
    reader.come(*standing(0, 30, 60), Fix(at=at(90), place=east(centre(HERE), 900)))
    reader.read(at(95))
    before = dict(reader.looks)
    reader.until = None
    reader.read(at(95))
    assert reader.looks == before
    assert len(before) == 1


def test_a_stay_becomes_a_look_when_the_team_leaves() -> None:
    reader = Reader()
    reader.come(*standing(0, 30, 60))
    reader.read(at(60))
    assert reader.counted() == set(), "it is still there: the cell is held"
    reader.come(Fix(at=at(80), place=east(centre(HERE), 900)))
    reader.read(at(85))
    assert reader.counted() == {(HERE, at(0), at(60), 0.5, False)}


def test_whoever_stays_for_hours_is_one_look_that_grows() -> None:
    reader = Reader()
    for minute in range(181):
        reader.come(*standing(minute * 60))
        reader.read(at(minute * 60))
    (look,) = reader.looks.values()
    assert look.began_at == at(0)
    assert look.ended_at >= at(160 * 60)


def test_a_late_position_elsewhere_takes_back_what_seemed_to_be_presence() -> None:
    reader = Reader()
    reader.come(*standing(0, 60), Fix(at=at(100), place=east(centre(HERE), 900)))
    reader.read(at(100))
    assert len(reader.counted()) == 1
    reader.come(Fix(at=at(30), place=east(centre(HERE), 900)))
    reader.read(at(110))
    assert reader.counted() == set()
    assert [look.refuted_at for look in reader.looks.values()] == [at(110)], "taken back, and still to be seen"


# --- how a cell stands -----------------------------------------------------------------------------------------------


def cell(**changes: object) -> SweepCell:
    values: dict[str, object] = {"campaign_id": CAMPAIGN, "cell": HERE, "lon": 121.61, "lat": 38.91, "name": None}
    values |= {"score": 1.0, "why": [], "state": "due", "laid_at": BEGAN, "due_at": BEGAN + 2 * HOUR, **changes}
    return SweepCell(**values)  # type: ignore[arg-type]


def a_look(hours: float, *, detection: float = 0.5, passing: bool = False, n: int = 1) -> Look:
    moment = BEGAN + hours * HOUR
    return Look(
        id=UUID(int=n),
        campaign_id=CAMPAIGN,
        cell=HERE,
        team_id=TEAM,
        began_at=moment - timedelta(minutes=1),
        ended_at=moment,
        by="track",
        mode="car",
        detection=detection,
        is_passing=passing,
    )


def test_a_look_covers_a_cell_until_most_of_its_time_is_used() -> None:
    after = after_looks(cell(), [a_look(1)], TIMING)
    assert (after.looked_at, after.due_at, after.looks) == (BEGAN + HOUR, BEGAN + 3 * HOUR, 1)
    assert rest(after, TIMING, BEGAN + 2 * HOUR).state == "covered"
    assert falls_due(after, TIMING) == BEGAN + HOUR + 1.6 * HOUR
    assert rest(after, TIMING, BEGAN + 2.6 * HOUR).state == "due"


def test_driving_through_covers_only_when_it_adds_up() -> None:
    once = after_looks(cell(), [a_look(1, detection=0.2, passing=True)], TIMING)
    assert (once.looked_at, once.looks) == (None, 1)
    assert waits(once, TIMING, BEGAN + 1.1 * HOUR)
    twice = after_looks(
        cell(), [a_look(1, detection=0.2, passing=True), a_look(1.1, detection=0.2, passing=True, n=2)], TIMING
    )
    assert twice.looked_at == BEGAN + 1.1 * HOUR
    assert twice.detection is not None
    assert 0.3 <= twice.detection < 0.4


def test_chances_that_fade_make_a_cell_due_before_its_interval() -> None:
    long = Timing(every=12 * HOUR, yellow_at=0.8, due_below=0.3)
    once = after_looks(cell(), [a_look(1)], long)
    assert BEGAN + 3 * HOUR < once.due_at < BEGAN + 5 * HOUR
    both = [a_look(1), a_look(1.05, n=2)]
    assert after_looks(cell(), both, long).due_at > once.due_at + HOUR, "two looks see more than one"


def test_a_look_that_was_taken_back_counts_for_nothing() -> None:
    looked = after_looks(cell(), [a_look(1)], TIMING)
    after = after_looks(looked, [replace(a_look(1), refuted_at=at(0))], TIMING)
    assert (after.looked_at, after.detection, after.looks, after.due_at) == (None, None, 0, BEGAN + 2 * HOUR)


def test_a_dropped_cell_stays_dropped_and_waits_for_nobody() -> None:
    out = cell(state="dropped", dropped_because="outside")
    assert rest(out, TIMING, BEGAN + 9 * HOUR) == out
    assert not waits(out, TIMING, BEGAN + 9 * HOUR)


def test_a_stop_is_left_until_it_was_looked_at_after_the_tour_was_planned() -> None:
    tour = Tour(
        id=UUID(int=9),
        campaign_id=CAMPAIGN,
        team_id=TEAM,
        cells=[HERE, NEXT],
        minutes=[3.0, 2.0],
        state="current",
        planned_at=BEGAN + HOUR,
        why="first",
    )
    before = cell(looked_at=BEGAN, detection=0.5)
    since = cell(looked_at=BEGAN + 1.5 * HOUR, detection=0.5)
    other = cell(cell=NEXT)
    assert stops_left(tour, {HERE: before, NEXT: other}) == [HERE, NEXT]
    assert stops_left(tour, {HERE: since, NEXT: other}) == [NEXT]
    assert stops_left(tour, {HERE: replace(before, state="covered"), NEXT: other}) == [NEXT]
