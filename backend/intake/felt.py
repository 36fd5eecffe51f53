"""How cold or hot the air feels, from what is measured: wind chill and heat index. Pure. Begin at `felt`.

Both are of the published kind, in their published units inside and °C, m/s and per cent outside.
"""

import math
from typing import Final, Literal

from msgspec import Struct

By = Literal["air", "wind_chill", "heat_index"]
BY_WORDS: Final[dict[By, tuple[str, str]]] = {
    "air": ("气温", "air temperature"),
    "wind_chill": ("风寒", "wind chill"),
    "heat_index": ("炎热指数", "heat index"),
}
CHILL_UP_TO_C: Final = 10.0
CHILL_FROM_KMH: Final = 4.8
HEAT_FROM_F: Final = 80.0
KMH_PER_MPS: Final = 3.6


class Felt(Struct, frozen=True):
    """°C, and by which measure."""

    c: float
    by: By


def felt(temperature_c: float, humidity: float | None = None, wind_mps: float | None = None) -> Felt:
    """What the air feels like: by wind chill where that is defined, by the heat index where that is, else as it is measured.

    humidity: relative, 0 to 100 per cent; wind_mps: the mean over ten minutes at ten metres. What was not measured is left out.
    """
    if wind_mps is not None and temperature_c <= CHILL_UP_TO_C:
        chilled = wind_chill_c(temperature_c, wind_mps)
        return (
            Felt(round(chilled, 1), "wind_chill") if chilled < temperature_c else Felt(round(temperature_c, 1), "air")
        )
    if humidity is not None and (index := heat_index_c(temperature_c, humidity)) is not None:
        return Felt(round(index, 1), "heat_index")
    return Felt(round(temperature_c, 1), "air")


def wind_chill_c(temperature_c: float, wind_mps: float) -> float:
    """The wind chill temperature, °C: what the same loss of heat from the face would be like in calm air.

    The index of Environment Canada and the US National Weather Service, in use since November 2001 (Joint Action Group for Temperature
    Indices; Osczevski and Bluestein 2005, Bull. Amer. Meteor. Soc. 86, 1453): T in °C, V in km/h at 10 m,

        W = 13.12 + 0.6215 T - 11.37 V^0.16 + 0.3965 T V^0.16

    It is defined for T up to 10 °C (50 °F) and V above 4.8 km/h (3 mph); its tables go to -50 °C and 100 km/h. In less wind, and
    at or under 0 °C, Environment Canada's W = T + (0.1345 T - 1.59) V / 5. Anywhere else, and where the formula would come out warmer, it is
    the air's own temperature.
    """
    v_kmh = wind_mps * KMH_PER_MPS
    if temperature_c > CHILL_UP_TO_C:
        return temperature_c
    if v_kmh <= CHILL_FROM_KMH:
        return temperature_c + (0.1345 * temperature_c - 1.59) * v_kmh / 5 if temperature_c <= 0 else temperature_c
    power = math.pow(v_kmh, 0.16)
    return min(temperature_c, 13.12 + 0.6215 * temperature_c - 11.37 * power + 0.3965 * temperature_c * power)


def heat_index_c(temperature_c: float, humidity: float) -> float | None:
    """The heat index, °C: what the same burden would be like at a little humidity. None where it is not defined (under 80 °F).

    The US National Weather Service's way (Rothfusz 1990, Technical Attachment SR 90-23, a regression to the tables of Steadman 1979, J. Appl.
    Meteor. 18, 861; error ± 1.3 °F): first the simple formula, averaged with the temperature; from 80 °F on the regression in T (°F) and
    R (per cent) with its two adjustments, for air drier than 13 % at 80 to 112 °F and damper than 85 % at 80 to 87 °F.
    """
    t, r = temperature_c * 9 / 5 + 32, humidity
    simple = 0.5 * (t + 61 + (t - 68) * 1.2 + r * 0.094)
    if (simple + t) / 2 < HEAT_FROM_F:
        return None
    return (_rothfusz_f(t, r) - 32) * 5 / 9


def _rothfusz_f(t: float, r: float) -> float:
    index = (
        -42.379 + 2.04901523 * t + 10.14333127 * r - 0.22475541 * t * r - 0.00683783 * t * t - 0.05481717 * r * r
        + 0.00122874 * t * t * r + 0.00085282 * t * r * r - 0.00000199 * t * t * r * r
    )  # fmt: skip
    if r < 13 and 80 <= t <= 112:
        return index - (13 - r) / 4 * math.sqrt((17 - abs(t - 95)) / 17)
    if r > 85 and 80 <= t <= 87:
        return index + (r - 85) / 10 * (87 - t) / 5
    return index
