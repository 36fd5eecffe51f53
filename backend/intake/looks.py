"""How somebody looked to the person who saw them: what helps to tell people apart, and never an identity.

A reporter fills in what they noticed and no more, so everything may be unknown. Triage and duplicates read it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Sex = Literal["male", "female", "unknown"]
AgeBand = Literal["infant", "child", "teen", "adult", "old", "unknown"]
Posture = Literal["lying", "sitting", "standing", "walking", "unknown"]


Word = Annotated[str, Meta(max_length=40)]
Words = Annotated[tuple[Word, ...], Meta(max_length=20)]


class Looks(Struct, frozen=True, forbid_unknown_fields=True):
    """What was noticed of one person, or of the one who stands out among several.

    colours, belongings: short words as the reporter's form offers them ("red", "wheelchair", "dog").
    moving_deg: the direction they moved in, degrees clockwise from north.
    """

    sex: Sex = "unknown"
    age_band: AgeBand = "unknown"
    posture: Posture = "unknown"
    colours: Words = ()
    belongings: Words = ()
    moving_deg: Annotated[float, Meta(ge=0, le=360)] | None = None


YOUNG: frozenset[AgeBand] = frozenset({"infant", "child", "teen"})
"""Age bands of minors."""
