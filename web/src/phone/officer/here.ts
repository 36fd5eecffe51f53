/** Where this phone is now, once: for arriving, finding, and calling for help. */
import { sign } from './track'

export type Here = { lon: number; lat: number; accuracy_m: number | null }
export type Nowhere = 'refused' | 'unavailable'
const FRESH_MS = 15_000

/** The place, or why there is none. withinMs: how long to wait for one. */
export async function whereAmI(withinMs = 8_000): Promise<Here | Nowhere> {
  if (sign.place && Date.now() - sign.atMs < FRESH_MS) return { ...sign.place, accuracy_m: sign.accuracyM }
  if (!navigator.geolocation) return 'unavailable'
  return await new Promise(done => {
    const late = setTimeout(() => done('unavailable'), withinMs + 500)
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        clearTimeout(late)
        done({ lon: coords.longitude, lat: coords.latitude, accuracy_m: coords.accuracy ?? null })
      },
      fault => {
        clearTimeout(late)
        done(fault.code === fault.PERMISSION_DENIED ? 'refused' : 'unavailable')
      },
      { enableHighAccuracy: true, maximumAge: FRESH_MS, timeout: withinMs },
    )
  })
}
