/** What somebody has with them, one line each. Pure. */
import type { Shapes } from '@/shared/api/client'

export type Thing = Shapes['Belonging']
export type TypedThing = { what: string; count: number | ''; note: string }

export const emptyThing = (): TypedThing => ({ what: '', count: 1, note: '' })

/** What was typed, without the lines that say nothing. */
export const said = (typed: readonly TypedThing[]): Thing[] =>
  typed
    .filter(one => one.what.trim())
    .map(one => ({ what: one.what.trim(), count: one.count || 1, note: one.note.trim() }))

/** As lines of words: 身份证 × 1（号码模糊）. */
export const listed = (things: readonly Thing[]): string =>
  things.map(one => `${one.what} × ${one.count ?? 1}${one.note ? `（${one.note}）` : ''}`).join('\n')

/** What both sides signed, as the form of whoever comes in begins with it. */
export function signedOf({ hand_over }: { hand_over: Record<string, unknown> | null }) {
  const text = (name: string) => (typeof hand_over?.[name] === 'string' ? (hand_over[name] as string) : '')
  const things = hand_over?.belongings
  return {
    condition: text('condition'),
    giver: text('giver'),
    belongings: Array.isArray(things) ? listed(things as Thing[]) : text('belongings'),
  }
}
