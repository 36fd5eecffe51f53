/** How times are said: the office's zone (+08:00), 24 hours, minutes and seconds that count. */
const ZONE = 'Asia/Shanghai'
const part = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, hour12: false, ...options })
const CLOCK = part({ hour: '2-digit', minute: '2-digit' })
const CLOCK_S = part({ hour: '2-digit', minute: '2-digit', second: '2-digit' })
const DAY = part({ month: '2-digit', day: '2-digit' })
const FULL = part({
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

type Moment = string | number | Date
const date = (at: Moment) => new Date(at)

/** 07:30 */
export const clock = (at: Moment): string => CLOCK.format(date(at))
/** 07:30:05 */
export const clockS = (at: Moment): string => CLOCK_S.format(date(at))
/** 09/19 07:30 */
export const dayClock = (at: Moment): string => `${DAY.format(date(at))} ${CLOCK.format(date(at))}`
/** 2016/09/19 07:30:05 */
export const full = (at: Moment): string => FULL.format(date(at))
/** 2016-09-19T07:30 in the office's zone, as an input of type datetime-local takes it. */
export function localInput(at: Moment): string {
  return new Date(date(at).getTime() + 8 * 3_600_000).toISOString().slice(0, 16)
}
/** What such an input says, as an instant with its zone. */
export const fromLocalInput = (text: string): string => `${text.length === 16 ? `${text}:00` : text}+08:00`

/** 4:05, 1:02:03, −0:30: the rest until something is due, or how long it is over. */
export function span(seconds: number): string {
  const rest = Math.round(Math.abs(seconds))
  const [h, m, s] = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return (seconds < 0 ? '−' : '') + (h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`)
}
