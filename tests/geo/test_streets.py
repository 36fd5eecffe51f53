"""Streets and crossings of Dalian as people know them."""

import shapely

from backend.geo.modes import RoadClass
from backend.geo.place import LonLat, distance_m
from backend.geo.roads import Roads
from backend.geo.streets import crossings_of, digest_of, named_places, streets_of


def test_the_streets_are_the_whole_graph_no_more_and_no_less(dalian: Roads) -> None:
    drawn_deg = sum(street.line.length for street in streets_of(dalian))
    in_graph = [
        shapely.LineString(dalian.shape(segment)).length
        for segment in range(dalian.segments)
        if dalian.road_class(segment) is not RoadClass.BARRIER
    ]
    assert abs(drawn_deg - sum(in_graph)) < 1e-6


def test_the_pieces_of_a_street_are_joined_and_links_count_as_what_they_lead_to(dalian: Roads) -> None:
    streets = streets_of(dalian)
    assert len(streets) < 0.6 * dalian.segments
    assert not [street for street in streets if street.kind.name.endswith("_LINK")]
    assert streets == streets_of(dalian)


def test_two_streets_meet_where_they_do_and_wide_ones_only_once(dalian: Roads) -> None:
    crossings = crossings_of(dalian)
    here = [crossing.place for crossing in crossings if crossing.names == ("一二九街", "中山路")]
    assert len(here) == 1
    assert distance_m(here[0], LonLat(121.61957, 38.91224)) < 60
    assert not [crossing for crossing in crossings if any(name.endswith("辅路") for name in crossing.names)]


def test_a_named_street_has_one_place_and_it_lies_on_it(dalian: Roads) -> None:
    places = named_places(streets_of(dalian))
    assert len([name for name, _ in places if name == "人民路"]) == 1
    for name, place in places[::25]:
        snapped = dalian.street(place, within_m=5)
        assert snapped is not None, name


def test_the_digest_is_of_the_graph_alone(dalian: Roads) -> None:
    assert digest_of(dalian) == digest_of(dalian)
    assert len(digest_of(dalian)) == 16
