/** The office's time as this phone knows it: heard from the server, carried on by the phone's own clock, also after a restart.
 *
 * What is said in it is corrected once more when it is sent (header Rescue-Sent-At), so a wrong clock of the phone does no harm. */
type Heard = { office: number; phone: number; rate: number }
const KEY = 'rescue.phone.time'
const REAL = { office: 0, phone: 0, rate: 1 }

function kept(): Heard {
  try {
    return { ...REAL, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Heard>) }
  } catch {
    return REAL
  }
}
let heard = kept()

/** A moment of the office's, just heard. Two of them tell how fast its clock runs (ten times as fast in a demonstration). */
export function hearTime(text: string): void {
  const [office, phone] = [Date.parse(text), Date.now()]
  const passed = phone - heard.phone
  let rate = heard.rate
  if (heard.phone && passed > 2_000 && passed < 120_000) {
    const seen = (office - heard.office) / passed
    if (seen > 0 && seen < 1_000) rate = Math.abs(seen - 1) < 0.2 ? 1 : seen
  }
  heard = { office, phone, rate }
  localStorage.setItem(KEY, JSON.stringify(heard))
}

/** Milliseconds since 1970 by the office's clock; the phone's own time as long as nothing was heard. */
export function officeNow(): number {
  const now = Date.now()
  return heard.phone ? heard.office + (now - heard.phone) * heard.rate : now
}

export const officeIso = (at: number = officeNow()): string => new Date(at).toISOString()
