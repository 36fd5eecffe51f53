/** Where this phone is. Positions are told to the server in the system they came in; it converts them exactly.
 *
 * Browsers speak WGS-84. The WebViews of some Chinese apps hand GCJ-02 to the page: whoever embeds the page there starts it
 * as `/m/?crs=gcj02` (or `#/report?crs=gcj02`). Begin at `locate`. */
import { store } from '../queue/store'

export type Crs = 'wgs84' | 'gcj02'
export type Fix = { lon: number; lat: number; crs: Crs; accuracy_m: number | null; at: number }
export type NoFix = 'denied' | 'unavailable' | 'insecure'

const LAST = 'last-fix'
const GOOD_M = 25
const LOOK_MS = 8_000
const FIRST_WITHIN_MS = 25_000

export const crsHere: Crs = /[?&]crs=gcj02\b/i.test(location.search + location.hash) ? 'gcj02' : 'wgs84'

export function fixOf(position: GeolocationPosition): Fix {
  const { longitude, latitude, accuracy } = position.coords
  return { lon: longitude, lat: latitude, crs: crsHere, accuracy_m: Math.round(accuracy), at: Date.now() }
}

/** The last place that this phone was seen at, for when there is no other. */
export const lastFix = (): Promise<Fix | null> => store.find<Fix>(LAST).catch(() => null)
export const keepFix = (fix: Fix): Promise<void> => store.keep(LAST, fix).catch(() => undefined)

/** The best position of the next seconds; `better` hears of each that is better than the one before. Rejects with a `NoFix`. */
export function locate(better: (fix: Fix) => void): Promise<Fix> {
  if (!window.isSecureContext || !navigator.geolocation) return Promise.reject('insecure' satisfies NoFix)
  return new Promise((done, failed) => {
    let best: Fix | null = null
    const end = (why?: NoFix) => {
      navigator.geolocation.clearWatch(watch)
      clearTimeout(timer)
      if (!best) return failed(why ?? 'unavailable')
      void keepFix(best)
      done(best)
    }
    let timer = window.setTimeout(end, FIRST_WITHIN_MS)
    const watch = navigator.geolocation.watchPosition(
      position => {
        const fix = fixOf(position)
        if (!best) {
          clearTimeout(timer)
          timer = window.setTimeout(end, LOOK_MS)
        }
        if (!best || (fix.accuracy_m ?? Infinity) <= (best.accuracy_m ?? Infinity)) better((best = fix))
        if ((fix.accuracy_m ?? Infinity) <= GOOD_M) end()
      },
      fault => end(fault.code === fault.PERMISSION_DENIED ? 'denied' : 'unavailable'),
      { enableHighAccuracy: true, maximumAge: 0, timeout: FIRST_WITHIN_MS },
    )
  })
}

/** Whether asking for the position would not put a question before the person. */
export async function mayLocate(): Promise<boolean> {
  const asked = await navigator.permissions?.query({ name: 'geolocation' }).catch(() => null)
  return asked?.state === 'granted'
}
