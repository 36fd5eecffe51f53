/** One place in the three systems that maps in China expect. Degrees. Pure.
 *
 * WGS-84 is what satellites and our server speak; GCJ-02 is what maps published in mainland China are drawn in; BD-09 is Baidu's. */
export type Place = { lon: number; lat: number }

const AXIS_M = 6_378_245.0
const ECCENTRICITY_2 = 0.00669342162296594323
const BAIDU_TURN = (Math.PI * 3000) / 180
const rad = (deg: number): number => (deg * Math.PI) / 180

/** Mainland China in the rough: outside of it nothing is shifted. */
const isShifted = ({ lon, lat }: Place): boolean => lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271

export function toGcj02(place: Place): Place {
  if (!isShifted(place)) return place
  const [x, y] = [place.lon - 105, place.lat - 35]
  const shake = (20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * (2 / 3)
  const root = Math.sqrt(Math.abs(x))
  const north =
    -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + shake +
    (20 * Math.sin(y * Math.PI) + 40 * Math.sin((y / 3) * Math.PI)) * (2 / 3) +
    (160 * Math.sin((y / 12) * Math.PI) + 320 * Math.sin((y * Math.PI) / 30)) * (2 / 3) // prettier-ignore
  const east =
    300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + shake +
    (20 * Math.sin(x * Math.PI) + 40 * Math.sin((x / 3) * Math.PI)) * (2 / 3) +
    (150 * Math.sin((x / 12) * Math.PI) + 300 * Math.sin((x / 30) * Math.PI)) * (2 / 3) // prettier-ignore
  const flat = 1 - ECCENTRICITY_2 * Math.sin(rad(place.lat)) ** 2
  const perDegNorth = (Math.PI / 180) * ((AXIS_M * (1 - ECCENTRICITY_2)) / (flat * Math.sqrt(flat)))
  const perDegEast = (Math.PI / 180) * (AXIS_M / Math.sqrt(flat)) * Math.cos(rad(place.lat))
  return { lon: place.lon + east / perDegEast, lat: place.lat + north / perDegNorth }
}

export function toBd09(place: Place): Place {
  const { lon, lat } = toGcj02(place)
  const far = Math.hypot(lon, lat) + 0.00002 * Math.sin(lat * BAIDU_TURN)
  const turn = Math.atan2(lat, lon) + 0.000003 * Math.cos(lon * BAIDU_TURN)
  return { lon: far * Math.cos(turn) + 0.0065, lat: far * Math.sin(turn) + 0.006 }
}

/** Metres between two places that are near each other. */
export function metresBetween(a: Place, b: Place): number {
  const north = rad(b.lat - a.lat)
  const east = rad(b.lon - a.lon) * Math.cos(rad((a.lat + b.lat) / 2))
  return Math.hypot(north, east) * 6_371_008.8
}
