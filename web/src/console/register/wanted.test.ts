import { describe, expect, test } from 'vitest'
import { isReady, nothing, wantedOf } from './wanted'

describe('the form of the search', () => {
  test('an empty one asks for nothing, and a reason alone is nothing', () => {
    expect(isReady(nothing())).toBe(false)
    expect(isReady({ ...nothing(), reason: 'to_help' })).toBe(false)
  })
  test('a name or a number is asked for with a reason only', () => {
    expect(isReady({ ...nothing(), name: '王' })).toBe(false)
    expect(isReady({ ...nothing(), id_number: '110', reason: 'police_ask' })).toBe(true)
  })
  test('looks need no reason, and none is sent', () => {
    const typed = { ...nothing(), words: ' 灰白短发 ', reason: 'other' as const }
    expect(isReady(typed)).toBe(true)
    expect(wantedOf(typed)).toMatchObject({ words: '灰白短发', reason: null, sex: null })
  })
})
