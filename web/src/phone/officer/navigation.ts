/** Handing the way over to the map app on the phone: each app's own address, with the place in the system that app expects. Pure.
 *
 * On a phone the app is opened by its own scheme, which works without network when the app has its maps; elsewhere by its web page.
 * Sources: Amap URI API and `amapuri`, `iosamap`; Baidu URI API (`bdapp` on Android, `baidumap` on iOS, coord_type=bd09ll);
 * Tencent URI API (`qqmap`); Apple Map Links; RFC 5870 for `geo:`. */
import { toBd09, toGcj02, type Place } from './places'

export type MapApp = 'amap' | 'baidu' | 'tencent' | 'apple' | 'geo'
export type Device = 'android' | 'ios' | 'other'
export type Way = { app: MapApp; href: string }
const US = 'rescue-circle'

export function deviceOf(userAgent: string): Device {
  if (/iPhone|iPad|iPod/.test(userAgent)) return 'ios'
  return /Android|HarmonyOS/.test(userAgent) ? 'android' : 'other'
}

/** The ways to a place (WGS-84) that this kind of device may know, the most used first. */
export function waysTo(place: Place, name: string, device: Device): Way[] {
  const common: Way[] = [
    { app: 'amap', href: amap(place, name, device) },
    { app: 'baidu', href: baidu(place, name, device) },
    { app: 'tencent', href: tencent(place, name, device) },
  ]
  const apple: Way = { app: 'apple', href: `https://maps.apple.com/?daddr=${latLon(toGcj02(place))}&dirflg=d` }
  const [at, label] = [latLon(place), encodeURIComponent(name)]
  const geo: Way = { app: 'geo', href: `geo:${at}?q=${at}(${label})` }
  return device === 'ios' ? [...common, apple] : device === 'android' ? [...common, geo] : [...common, apple, geo]
}

const six = (deg: number): string => deg.toFixed(6)
const latLon = ({ lon, lat }: Place): string => `${six(lat)},${six(lon)}`
const query = (values: Record<string, string>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join('&')

function amap(place: Place, name: string, device: Device): string {
  const { lon, lat } = toGcj02(place)
  // dev=0: the place is in GCJ-02 already. t=0: by car.
  const to = { sourceApplication: US, dlat: six(lat), dlon: six(lon), dname: name, dev: '0', t: '0' }
  if (device === 'android') return `amapuri://route/plan/?${query(to)}`
  if (device === 'ios') return `iosamap://path?${query(to)}`
  const web = { to: `${six(lon)},${six(lat)},${name}`, mode: 'car', coordinate: 'gaode', callnative: '1', src: US }
  return `https://uri.amap.com/navigation?${query(web)}`
}

function baidu(place: Place, name: string, device: Device): string {
  const at = latLon(toBd09(place))
  const to = { destination: `name:${name}|latlng:${at}`, coord_type: 'bd09ll', mode: 'driving' }
  if (device === 'android') return `bdapp://map/direction?${query({ ...to, src: `andr.${US}` })}`
  if (device === 'ios') return `baidumap://map/direction?${query({ ...to, src: `ios.${US}` })}`
  const web = { location: at, title: name, content: name, output: 'html', coord_type: 'bd09ll', src: `webapp.${US}` }
  return `https://api.map.baidu.com/marker?${query(web)}`
}

function tencent(place: Place, name: string, device: Device): string {
  const to = { type: 'drive', to: name, tocoord: latLon(toGcj02(place)), referer: US }
  return device === 'other'
    ? `https://apis.map.qq.com/uri/v1/routeplan?${query({ ...to, policy: '0' })}`
    : `qqmap://map/routeplan?${query(to)}`
}
