/** The office's time carried on by a phone's clock. Pure: the page and the service worker both go by it. */

/** office, phone: the same moment by both clocks (ms since 1970); rate: how fast the office's runs. */
export type Heard = { office: number; phone: number; rate: number }
export const NOTHING_HEARD: Heard = { office: 0, phone: 0, rate: 1 }

/** What the office's clock says when the phone's says `phone`; the phone's own time as long as nothing was heard. */
export const carriedOn = (heard: Heard, phone: number): number =>
  heard.phone ? heard.office + (phone - heard.phone) * heard.rate : phone

/** A moment of the office's heard at `phone`. Two of them not long apart tell the rate: ten times as fast in a demonstration. */
export function heardAt(before: Heard, office: number, phone: number): Heard {
  const passed = phone - before.phone
  let rate = before.rate
  if (before.phone && passed > 2_000 && passed < 120_000) {
    const seen = (office - before.office) / passed
    if (seen > 0 && seen < 1_000) rate = Math.abs(seen - 1) < 0.2 ? 1 : seen
  }
  return { office, phone, rate }
}
