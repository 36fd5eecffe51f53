"""Live positions of the teams, snapped to the roads and hung on them so that a search finds them as it passes.

One `Fleet` per process, owned by one thread (the event loop): `put` on every fix, `set_available` when a team takes or leaves work.
Searches only read it; run them in the same thread, or keep changes out meanwhile. An update costs a few microseconds whatever
the number of teams.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.geo.kernel import kernel
from backend.geo.modes import MODES, Mode
from backend.geo.place import LonLat
from backend.geo.roads import Roads
from backend.geo.search import BUCKET_S, FAR_S, to_end_s
from backend.geo.snapping import Net, snap_one

TEAM: Final = np.dtype(
    [
        ("lon", np.float64),
        ("lat", np.float64),
        ("fraction", np.float64),
        ("off_road_m", np.float64),
        ("ready_s", np.float64),
        ("segment", np.int32),
        ("after", np.int32),
        ("before", np.int32),
        ("layer", np.int32),
    ],
    align=True,
)
"""A team, by slot: where it is on the roads (`segment` -1: its mode has none), its mobilisation delay, its neighbours in the list of the
segment, its mode (-1: empty slot)."""

EXIT: Final = np.dtype(
    [("seconds", np.float64), ("state", np.int32), ("after", np.int32), ("before", np.int32)], align=True
)
"""How a team leaves its segment, by 2 * slot + end: seconds to the junction there, its state (-1: forbidden), list neighbours."""

FIND: Final = np.dtype([("stamp", np.int64), ("seconds", np.float64)], align=True)
"""A search's best time for a team, valid when `stamp` is the search's number."""


class Teams(NamedTuple):
    """The arrays of a fleet: `team` (slots), `exit` (2 * slots), first item of every state's and every segment's list."""

    team: NDArray[np.void]
    exit: NDArray[np.void]
    state_first: NDArray[np.int32]
    seg_first: NDArray[np.int32]


class Finds(NamedTuple):
    """Working memory of one thread over a fleet: best time per slot, the slots found so far, how many totals lie in each bucket."""

    best: NDArray[np.void]
    slots: NDArray[np.int32]
    per_bucket: NDArray[np.int32]


class _FindsPerThread(threading.local):
    def __init__(self) -> None:
        self.finds: Finds | None = None


class Fleet:
    """Where every team is now. Begin with `put`; ask with `nearest.nearest` and `circle.Circle`."""

    def __init__(self, roads: Roads | None, capacity: int = 64) -> None:
        self.roads = roads
        self.teams = _empty(capacity, roads)
        self.available = np.zeros(capacity, np.bool_)
        self.fix_s = np.zeros(capacity)
        self.ids: list[str | None] = [None] * capacity
        self.slot_of: dict[str, int] = {}
        self.roadless: set[int] = set()
        self._finds = _FindsPerThread()
        self._free = list(range(capacity - 1, -1, -1))

    def __len__(self) -> int:
        return len(self.slot_of)

    def __contains__(self, team_id: str) -> bool:
        return team_id in self.slot_of

    def __iter__(self) -> Iterator[str]:
        return iter(self.slot_of)

    @property
    def capacity(self) -> int:
        """Length of every mask and array over slots."""
        return len(self.available)

    def put(
        self,
        team_id: str,
        place: LonLat,
        mode: Mode,
        *,
        mobilisation_s: float = 0.0,
        fix_s: float = 0.0,
        available: bool | None = None,
    ) -> None:
        """Set or move a team. mobilisation_s: how long it takes to set off; fix_s: when the position was taken (any clock).

        A new team is available unless said otherwise; a known one keeps its availability when `available` is None.
        """
        slot = self.slot_of.get(team_id)
        if slot is None:
            slot = self._take_slot(team_id)
            available = True if available is None else available
        if self.roads is None:
            _put_bare(self.teams.team, slot, place.lon, place.lat, mode.layer, mobilisation_s)
        else:
            at = (place.lon, place.lat, mode.layer, mobilisation_s)
            _put(self.roads.net, self.roads.nodes, *self.teams, slot, *at)
        if self.teams.team["segment"][slot] < 0:
            self.roadless.add(slot)
        else:
            self.roadless.discard(slot)
        self.fix_s[slot] = fix_s
        if available is not None:
            self.available[slot] = available

    def remove(self, team_id: str) -> None:
        """Forget a team; unknown ones are ignored."""
        slot = self.slot_of.pop(team_id, None)
        if slot is None:
            return
        _unlink(*self.teams, slot)
        self.teams.team["layer"][slot] = -1
        self.teams.team["segment"][slot] = -1
        self.available[slot] = False
        self.roadless.discard(slot)
        self.ids[slot] = None
        self._free.append(slot)

    def set_available(self, team_id: str, available: bool) -> None:
        """Whether a team may be found; unknown ones are ignored (it may have signed out meanwhile)."""
        slot = self.slot_of.get(team_id)
        if slot is not None:
            self.available[slot] = available

    def is_available(self, team_id: str) -> bool:
        slot = self.slot_of.get(team_id)
        return slot is not None and bool(self.available[slot])

    def place_of(self, team_id: str) -> LonLat:
        """The team's last position. Raises `KeyError`."""
        slot = self.slot_of[team_id]
        return LonLat(*self.teams.team[["lon", "lat"]][slot].item())

    def mode_of(self, team_id: str) -> Mode:
        """How the team travels. Raises `KeyError`."""
        return MODES[int(self.teams.team["layer"][self.slot_of[team_id]])]

    def mask(self, team_ids: Iterable[str]) -> NDArray[np.bool_]:
        """A mask over slots with these teams set: to search among some only. Unknown ids are ignored."""
        mask = np.zeros(self.capacity, np.bool_)
        mask[[self.slot_of[team_id] for team_id in team_ids if team_id in self.slot_of]] = True
        return mask

    @property
    def finds(self) -> Finds:
        """Working memory of the calling thread."""
        finds = self._finds.finds
        if finds is None or len(finds.slots) < self.capacity:
            n, buckets = self.capacity, int(FAR_S / BUCKET_S) + 2
            finds = Finds(np.zeros(n, FIND), np.empty(n, np.int32), np.empty(buckets, np.int32))
            self._finds.finds = finds
        return finds

    def _take_slot(self, team_id: str) -> int:
        if not self._free:
            self._grow()
        slot = self._free.pop()
        self.slot_of[team_id] = slot
        self.ids[slot] = team_id
        return slot

    def _grow(self) -> None:
        """Double the number of slots. The lists hold slot numbers, which stay as they are."""
        old = self.capacity
        larger = _empty(2 * old, self.roads)
        larger.team[:old] = self.teams.team
        larger.exit[: 2 * old] = self.teams.exit
        self.teams = larger._replace(state_first=self.teams.state_first, seg_first=self.teams.seg_first)
        self.available = np.concatenate((self.available, np.zeros(old, np.bool_)))
        self.fix_s = np.concatenate((self.fix_s, np.zeros(old)))
        self.ids += [None] * old
        self._free = list(range(2 * old - 1, old - 1, -1))


def _empty(capacity: int, roads: Roads | None) -> Teams:
    teams = Teams(
        team=np.zeros(capacity, TEAM),
        exit=np.zeros(2 * capacity, EXIT),
        state_first=np.full(3 * roads.nodes if roads else 0, -1, np.int32),
        seg_first=np.full(roads.segments if roads else 0, -1, np.int32),
    )
    teams.team["layer"] = teams.team["segment"] = teams.exit["state"] = -1
    return teams


@kernel
def _put_bare(team: NDArray[np.void], slot: int, lon: float, lat: float, layer: int, ready_s: float) -> None:
    here = team[slot]
    here.lon, here.lat = lon, lat
    here.layer, here.ready_s = layer, ready_s


@kernel
def _put(
    net: Net,
    nodes: int,
    team: NDArray[np.void],
    exits: NDArray[np.void],
    state_first: NDArray[np.int32],
    seg_first: NDArray[np.int32],
    slot: int,
    lon: float,
    lat: float,
    layer: int,
    ready_s: float,
) -> None:
    """Snap the team and hang it on its segment and on the ends that it can drive to."""
    _unlink(team, exits, state_first, seg_first, slot)
    _put_bare(team, slot, lon, lat, layer, ready_s)
    segment, fraction, off_road_m = snap_one(net, lon, lat, 1 << layer)
    here = team[slot]
    here.segment, here.fraction, here.off_road_m = segment, fraction, off_road_m
    if segment < 0:
        return
    _push(seg_first, team, segment, slot)
    for end in range(2):
        leave = exits[2 * slot + end]
        leave.seconds = to_end_s(net.seg_s, layer, segment, fraction, end)
        if leave.seconds < np.inf:
            leave.state = layer * nodes + (net.seg_v[segment] if end == 1 else net.seg_u[segment])
            _push(state_first, exits, leave.state, 2 * slot + end)


@kernel
def _unlink(
    team: NDArray[np.void],
    exits: NDArray[np.void],
    state_first: NDArray[np.int32],
    seg_first: NDArray[np.int32],
    slot: int,
) -> None:
    """Take the team off every list."""
    for item in range(2 * slot, 2 * slot + 2):
        if exits[item].state >= 0:
            _pull(state_first, exits, exits[item].state, item)
            exits[item].state = -1
    if team[slot].segment >= 0:
        _pull(seg_first, team, team[slot].segment, slot)


@kernel
def _push(first: NDArray[np.int32], items: NDArray[np.void], where: int, item: int) -> None:
    head = first[where]
    items[item].after = head
    items[item].before = -1
    if head >= 0:
        items[head].before = item
    first[where] = item


@kernel
def _pull(first: NDArray[np.int32], items: NDArray[np.void], where: int, item: int) -> None:
    after, before = items[item].after, items[item].before
    if before >= 0:
        items[before].after = after
    else:
        first[where] = after
    if after >= 0:
        items[after].before = before
