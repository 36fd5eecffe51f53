"""Compiling everything before the first person waits for it."""

from __future__ import annotations

from backend.geo.circle import Ground
from backend.geo.fleet import Fleet
from backend.geo.matrix import matrix
from backend.geo.modes import Mode
from backend.geo.move_up import move_up
from backend.geo.nearest import nearest
from backend.geo.roads import Roads


def warm_up(roads: Roads) -> None:
    """Run each kind of search once: about a second when the compiled code is cached on disk, half a minute when it is not.

    Call it while a process starts, before it says that it is ready. Any number of processes may do so at once.
    """
    place = roads.centre
    fleet = Fleet(roads, capacity=2)
    fleet.put("warm", place, Mode.CAR)
    nearest(roads, fleet, place, k=1)
    matrix(roads, [place], [place], Mode.CAR)
    roads.route(place, place, Mode.CAR)
    ground = Ground.of_roads(roads)
    ground.circle(fleet)
    move_up(ground, fleet, limit_s=60)
    fleet.remove("warm")
