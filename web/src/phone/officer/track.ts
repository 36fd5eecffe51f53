/** The team's position while on duty: asked of the phone as seldom as will do, kept, and sent in batches. Begin at `followPositions`. */
import { effectScope, reactive, watch } from 'vue'
import { session } from '@/shared/api/session'
import { officeIso, officeNow } from '../office'
import { store } from '../queue/store'
import type { Officer } from './live'
import type { Place } from './places'
import { isWanted, paceOf, PACES, sendFixes, type Pace, type Seen } from './positions'

/** What is shown of it on every page. atMs: the phone's own time. */
export const sign = reactive({
  state: 'off' as 'off' | 'seeking' | 'on' | 'refused' | 'unavailable',
  accuracyM: null as number | null,
  atMs: 0,
  pace: 'off' as Pace,
  place: null as Place | null,
})
const SEEN_KEPT_MS = 600_000
const LOOK_AGAIN_MS = 10_000
const SEEK_WITHIN_MS = 60_000

let seen: Seen[] = []
let last: Seen | null = null
let watching: number | null = null
let timer = 0
let sending = false
let follows = false

/** Follows the officer's duty and step, once per app: longer than any page, so that signing out ends it too. */
export function followPositions(officer: Officer): void {
  if (follows) return
  follows = true
  const look = () => {
    const { duty, step } = officer.view.value
    // Until the kept task is read, nobody knows whether the team is on duty.
    const known = officer.ready.value
    setPace(known ? paceOf(!!session.token, duty, step, seen, Date.now()) : 'off')
  }
  const what = () => [session.token, officer.view.value.duty, officer.view.value.step, officer.ready.value]
  effectScope(true).run(() => watch(what, look, { immediate: true }))
  setInterval(look, LOOK_AGAIN_MS)
  window.addEventListener('online', send)
}

function setPace(pace: Pace): void {
  if (pace === sign.pace) return
  const before = sign.pace
  sign.pace = pace
  end()
  if (pace === 'off') {
    ;[seen, last] = [[], null]
    Object.assign(sign, { state: 'off', accuracyM: null, atMs: 0, place: null })
    if (before !== 'off') send()
    return
  }
  if (!navigator.geolocation) {
    sign.state = 'unavailable'
    return
  }
  if (sign.state === 'off') sign.state = 'seeking'
  if (pace === 'still') sleep()
  else watching = navigator.geolocation.watchPosition(heard, failed, options(pace))
}

const options = (pace: Pace): PositionOptions => ({
  enableHighAccuracy: true,
  maximumAge: pace === 'driving' ? 2_000 : 10_000,
  timeout: SEEK_WITHIN_MS,
})

/** While nothing moves the receiver rests, and is asked once in a while. */
function sleep(): void {
  timer = window.setTimeout(() => {
    navigator.geolocation.getCurrentPosition(heard, failed, { ...options('still'), maximumAge: 0 })
    if (sign.pace === 'still') sleep()
  }, PACES.still.everyS * 1000)
}

function end(): void {
  if (watching !== null) navigator.geolocation.clearWatch(watching)
  watching = null
  clearTimeout(timer)
}

function heard(position: GeolocationPosition): void {
  if (sign.pace === 'off') return
  const { longitude: lon, latitude: lat, accuracy, heading, speed } = position.coords
  const ageMs = Math.max(0, Date.now() - position.timestamp)
  const next: Seen = { lon, lat, accuracyM: accuracy ?? null, atMs: Date.now() - ageMs }
  Object.assign(sign, { state: 'on', accuracyM: next.accuracyM, atMs: next.atMs, place: { lon, lat } })
  seen = [...seen.filter(one => one.atMs >= next.atMs - SEEN_KEPT_MS), next]
  if (!isWanted(last, next, sign.pace)) return
  last = next
  const fix = {
    who: session.me?.id ?? '',
    at: officeIso(officeNow() - ageMs),
    lon,
    lat,
    accuracy_m: next.accuracyM,
    heading_deg: heading === null || Number.isNaN(heading) ? null : heading,
    speed_m_s: speed === null || Number.isNaN(speed) ? null : speed,
  }
  // A full phone keeps no track, and everything that matters more.
  void store.fixes.add(fix as never).then(send, () => undefined)
}

function failed(fault: GeolocationPositionError): void {
  if (fault.code === fault.PERMISSION_DENIED) sign.state = 'refused'
  else if (sign.state !== 'on') sign.state = 'unavailable'
}

/** Asks for permission again, after the person has changed it in the settings. */
export function askAgain(): void {
  const pace = sign.pace
  sign.pace = 'off'
  sign.state = 'off'
  setPace(pace)
}

function send(): void {
  if (sending || !session.token) return
  sending = true
  void sendFixes(store, (url, init) => fetch(url, init), officeNow)
    .catch(() => false)
    .finally(() => (sending = false))
}
