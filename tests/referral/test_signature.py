"""A signature drawn on a screen: what counts as one, and how it looks on paper."""

from xml.etree import ElementTree

import msgspec
import pytest

from backend.errors import Invalid
from backend.referral.answering import Paper
from backend.referral.signature import HEIGHT, MOST_POINTS, WIDTH, Drawn, as_svg, demand_written

NAME = Drawn(strokes=(((100, 80), (100, 300)), ((40, 120), (260, 120), (200, 200)), ((300, 300),)))


def test_strokes_come_in_as_lists_of_points() -> None:
    drawn = msgspec.json.decode(b'{"strokes": [[[1, 2], [300, 4]]]}', type=Drawn)
    assert drawn.strokes == (((1, 2), (300, 4)),)
    for wrong in (
        b'{"strokes": []}',
        b'{"strokes": [[]]}',
        b'{"strokes": [[[1, 2, 3]]]}',
        b'{"strokes": [[["a", 1]]]}',
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(wrong, type=Drawn)


@pytest.mark.parametrize(
    "strokes",
    [
        pytest.param((((10, 10),),), id="a dot"),
        pytest.param((((10, 10), (30, 10)),), id="a slip"),
        pytest.param((((0, 0), (WIDTH + 1, 0)),), id="beside the box"),
        pytest.param((((0, 0), (0, HEIGHT + 1)),), id="below the box"),
        pytest.param((((0, 0), (-1, 300)),), id="before the box"),
        pytest.param((((0, 0), (900, 0)) * 500,) * 4, id=f"more than {MOST_POINTS} points"),
    ],
)
def test_what_nobody_can_have_written_is_no_signature(strokes: tuple[tuple[tuple[int, int], ...], ...]) -> None:
    with pytest.raises(Invalid) as refused:
        demand_written(Drawn(strokes=strokes), "paper.signature_giver")
    assert (refused.value.code, refused.value.extra["field"]) == ("bad_signature", "paper.signature_giver")


def test_nobodys_signature_and_a_name_are_not_refused() -> None:
    demand_written(None, "signature")
    demand_written(NAME, "signature")


def test_on_paper_it_is_one_path_a_stroke_and_nothing_else() -> None:
    picture = ElementTree.fromstring(as_svg(NAME))
    assert picture.attrib["viewBox"] == "0 0 1000 400"
    paths = [one.attrib["d"] for one in picture.iter("{http://www.w3.org/2000/svg}path")]
    assert paths == ["M100 80L100 300", "M40 120Q260 120 230 160L200 200", "M300 300h1"]


def test_what_is_drawn_counts_as_signed() -> None:
    paper = Paper(receiver="李", signature_giver=NAME).as_signed()
    assert (paper.signed_by_giver, paper.signed_by_receiver) == (True, False)
