/** The office's time as this phone knows it: heard from the server, carried on by the phone's own clock, also after a restart.
 *
 * What is said in it is corrected once more when it is sent (header Rescue-Sent-At), so a wrong clock of the phone does no harm. */
import { carriedOn, heardAt, NOTHING_HEARD, type Heard } from './clock'
import { HEARD, store } from './queue/store'

const KEY = 'rescue.phone.time'

function kept(): Heard {
  try {
    return { ...NOTHING_HEARD, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Heard>) }
  } catch {
    return NOTHING_HEARD
  }
}
let heard = kept()

/** A moment of the office's, just heard. Kept where the page finds it at once, and where the service worker does. */
export function hearTime(text: string): void {
  heard = heardAt(heard, Date.parse(text), Date.now())
  localStorage.setItem(KEY, JSON.stringify(heard))
  void store.keep(HEARD, heard)
}

/** Milliseconds since 1970 by the office's clock. */
export const officeNow = (): number => carriedOn(heard, Date.now())
export const officeIso = (at: number = officeNow()): string => new Date(at).toISOString()
