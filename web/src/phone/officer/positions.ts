/** When a position is worth keeping, and how kept ones reach the server. Pure but for `sendFixes`; `track.ts` asks the phone.
 *
 * Fixes are no commands: they are many, late ones are worth less, and they go in batches beside the queue. */
import type { Post, SignedIn } from '../queue/send'
import { SESSION, type Fix, type PhoneStore } from '../queue/store'
import { metresBetween, type Place } from './places'
import type { Duty, Step } from './task'

/** off: nothing is asked of the phone. still: the phone sleeps between two looks. */
export type Pace = 'off' | 'still' | 'duty' | 'driving'
export type Seen = Place & { atMs: number; accuracyM: number | null }
/** After so many seconds, or so many metres, a new position is kept. */
export const PACES: Readonly<Record<Exclude<Pace, 'off'>, { everyS: number; everyM: number }>> = {
  driving: { everyS: 5, everyM: 25 },
  duty: { everyS: 20, everyM: 50 },
  still: { everyS: 120, everyM: 50 },
}
const STILL_AFTER_MS = 180_000
const STILL_WITHIN_M = 40
const OLDEST_MS = 3 * 86_400_000
const BATCH = 500

/** How often a team's place matters: most on the way to a case, hardly while it stands, not at all off duty. */
export function paceOf(signedIn: boolean, duty: Duty, step: Step, seen: readonly Seen[], nowMs: number): Pace {
  if (!signedIn || duty === 'off_duty') return 'off'
  if (step === 'set_out' || step === 'drive') return 'driving'
  return isStill(seen, nowMs) ? 'still' : 'duty'
}

/** Nothing moved for three minutes, as far as the inaccuracy of places tells. */
function isStill(seen: readonly Seen[], nowMs: number): boolean {
  const last = seen.at(-1)
  const first = seen[0]
  if (!last || !first || nowMs - first.atMs < STILL_AFTER_MS) return false
  return seen
    .filter(one => one.atMs >= nowMs - STILL_AFTER_MS - PACES.still.everyS * 1000)
    .every(one => metresBetween(one, last) <= STILL_WITHIN_M + (one.accuracyM ?? 0))
}

/** Whether a position is kept, the last kept one being `last`. */
export function isWanted(last: Seen | null, next: Seen, pace: Pace): boolean {
  if (pace === 'off') return false
  if (!last) return true
  const { everyS, everyM } = PACES[pace]
  // What a poor fix seems to have moved is mostly its own inaccuracy.
  const moved = metresBetween(last, next) - Math.max(0, (next.accuracyM ?? 0) - everyM)
  return next.atMs - last.atMs >= everyS * 1000 || moved >= everyM
}

/** Sends what is kept of the account that is signed in, oldest first. now: the office's time (ms). True when nothing is left. */
export async function sendFixes(store: PhoneStore, post: Post, now: () => number): Promise<boolean> {
  const session = await store.find<SignedIn>(SESSION)
  if (!session) return false
  await store.fixes.filter(one => Date.parse(one.at) < now() - OLDEST_MS).delete()
  for (;;) {
    const batch = await store.fixes
      .orderBy('n')
      .filter(one => one.who === session.account)
      .limit(BATCH)
      .toArray()
    if (!batch.length) return true
    if (!(await sendBatch(post, batch, session.token, now))) return false
    await store.fixes.bulkDelete(batch.map(one => one.n))
  }
}

/** False when they have to wait. What the server refuses for good is not worth keeping others back for (I9). */
async function sendBatch(post: Post, batch: readonly Fix[], token: string, now: () => number): Promise<boolean> {
  const fixes = batch.map(({ at, lon, lat, accuracy_m, heading_deg, speed_m_s }) => ({
    at,
    lon,
    lat,
    crs: 'wgs84',
    accuracy_m,
    heading_deg,
    speed_m_s,
  }))
  try {
    const answer = await post('/api/officer/positions', {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        'Rescue-Sent-At': new Date(now()).toISOString(),
      },
      body: JSON.stringify({ fixes }),
      signal: AbortSignal.timeout(20_000),
    })
    return answer.ok || answer.status === 400 || answer.status === 422
  } catch {
    return false
  }
}
