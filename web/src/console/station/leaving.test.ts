import { expect, test } from 'vitest'
import { emptyLeaving, leavingOf, missing, notThisWay, type TypedLeaving } from './leaving'

const whom = (person: object = {}, more: object = {}) =>
  ({
    person: { sex: 'male', age_band: 'old', ...person },
    stay: { settlement_at: null },
    decides: true,
    escorts_min: 2,
    ...more,
  }) as Parameters<typeof missing>[1]
const typed = (more: Partial<TypedLeaving>): TypedLeaving => ({ ...emptyLeaving(2), ...more })

test('each way asks for what the rules ask for', () => {
  expect(missing(typed({}), whom())).toEqual(['how'])
  expect(missing(typed({ how: 'home' }), whom({}, { decides: false }))).toEqual(['receiver', 'relation'])
  expect(missing(typed({ how: 'left_by_self' }), whom())).toEqual(['declaration'])
  expect(missing(typed({ how: 'hospital', to: '市一院' }), whom())).toEqual(['receiver'])
  expect(missing(typed({ how: 'death' }), whom())).toEqual(['police'])
  expect(missing(typed({ how: 'runaway' }), whom())).toEqual([])
  expect(missing(typed({ how: 'runaway' }), whom({}, { decides: false }))).toEqual(['police'])
})

test('a woman is escorted by two at least, one of them a woman, with tickets and a place to go', () => {
  const escorts = [{ name: '甲', sex: 'male' as const }]
  const she = whom({ sex: 'female' })
  const how = 'escorted_home'
  expect(missing(typed({ how, escorts }), she)).toEqual(['escorts', 'woman', 'tickets', 'to'])
  escorts.push({ name: '乙', sex: 'female' as never })
  expect(missing(typed({ how, escorts, tickets: 'G1 次', to: '沈阳' }), she)).toEqual([])
})

test('nobody whose mind is not clear goes alone, and nobody is settled who was not applied for', () => {
  expect(notThisWay('left_by_self', whom({}, { decides: false }))).toBe('notAlone')
  expect(notThisWay('settled', whom())).toBe('notApplied')
  expect(notThisWay('home', whom())).toBeNull()
})

test('only what belongs to the chosen way is sent', () => {
  const said = leavingOf(
    typed({ how: 'home', receiver: ' 王强 ', tickets: 'G1', police_told_at: '2026-01-01T08:00' }),
    x => x,
  )
  expect(said).toMatchObject({ how: 'home', receiver: '王强', tickets: '', police_told_at: null, escorts: [] })
})
