/** Receipt codes as people type them, judged before anything is asked: the same rule as backend/intake/receipts.py. */
const ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'
const LENGTH = 12
const IGNORED = /[\s\-‐‑‒–—―_.,·、，。:：/]/g
export type Mistyped = 'length' | 'characters' | 'mistyped'

/** The code in its groups, or what is wrong with it. */
export function readReceipt(typed: string): { receipt: string } | { wrong: Mistyped } {
  const code = typed.normalize('NFKC').toUpperCase().replace(IGNORED, '')
  if ([...code].some(letter => !ALPHABET.includes(letter))) return { wrong: 'characters' }
  if (code.length !== LENGTH) return { wrong: 'length' }
  const sum = [...code].reduce((total, letter, n) => total + (n + 1) * ALPHABET.indexOf(letter), 0)
  return sum % ALPHABET.length ? { wrong: 'mistyped' } : { receipt: code.match(/.{4}/g)!.join('-') }
}
