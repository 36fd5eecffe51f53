import { describe, expect, it } from 'vitest'
import type { Case, Offer, State } from '@/shared/live/state'
import {
  apartStreets,
  callFirst,
  draftFrom,
  freshDraft,
  isBlank,
  lastFour,
  missing,
  placeWords,
  reportOf,
  roughOf,
  sameNumber,
} from './draft'
import { arrivalOf, caseOf, isUnderWay, offerOf, stepsOf } from './sending'

let ids = 0
const newId = () => `id-${++ids}`
const fresh = () => freshDraft(newId)

describe('a draft', () => {
  it('is blank until something is typed or chosen', () => {
    expect(isBlank(fresh())).toBe(true)
    expect(isBlank({ ...fresh(), words: ' \n' })).toBe(true)
    for (const typed of [
      { words: '老人' },
      { pin: { lon: 121, lat: 38 } },
      { dangers: ['injury' as const] },
      { people: 2 },
      { sameAs: 'x' },
      { recording: 'R1' },
    ]) {
      expect(isBlank({ ...fresh(), ...typed })).toBe(false)
    }
    expect(isBlank({ ...fresh(), looks: { ...fresh().looks, colours: ['red'] } })).toBe(false)
  })

  it('says what is missing in the order in which it is asked', () => {
    const pin = { lon: 121.6, lat: 38.9 }
    expect(missing(fresh())).toBe('place')
    expect(missing({ ...fresh(), pin, people: 0 })).toBe('people')
    expect(missing({ ...fresh(), pin, callBack: true })).toBe('number')
    expect(missing({ ...fresh(), pin })).toBe(null)
  })

  it('becomes a report of the hotline, and asks for similar ones without who calls', () => {
    const draft = {
      ...fresh(),
      pin: { lon: 121.6, lat: 38.9 },
      number: ' 138 ',
      words: ' 有人躺着 ',
      recording: 'R-7',
      callBack: true,
    }
    expect(reportOf(draft)).toMatchObject({
      id: draft.id,
      channel: 'hotline',
      description: '有人躺着',
      contact: { phone: '138', name: null, call_back: true },
      recording_ref: 'R-7',
    })
    const asked = reportOf(draft, true)!
    expect('contact' in asked || 'recording_ref' in asked || 'id' in asked).toBe(false)
    expect(reportOf(fresh())).toBe(null)
  })

  it('comes back whole from what an older page kept', () => {
    const draft = { ...fresh(), words: '地下通道', people: 3 }
    expect(draftFrom(JSON.parse(JSON.stringify(draft)), newId)).toEqual(draft)
    const { recording: _, ...older } = draft
    expect(draftFrom(older, newId)).toEqual(draft)
    expect(isBlank(draftFrom('nonsense', newId))).toBe(true)
  })

  it('rings each number once, in the order of the policy', () => {
    const known = [
      { code: 'mental_crisis', call_first: ['110', '120'] },
      { code: 'injury', call_first: ['120'] },
    ] as unknown as Parameters<typeof callFirst>[1]
    expect(callFirst(['injury', 'mental_crisis'], known)).toEqual(['110', '120'])
    expect(callFirst([], known)).toEqual([])
  })
})

describe('a place', () => {
  const chosen = (name: string, kind: string) => ({ name, kind, lon: 121.6, lat: 38.9 })
  const said = (crossing: string | null, street: string | null) =>
    ({
      zh: crossing ? `西岗区 ${crossing}附近（约 20 米）` : '西岗区',
      en: 'there',
      crossing,
      street,
    }) as unknown as Parameters<typeof placeWords>[0]

  it('of which only the street is known is not exact, until the pin is moved', () => {
    const draft = { ...fresh(), pin: { lon: 121.6, lat: 38.9 }, chosen: chosen('西安路', 'street') }
    expect(roughOf(draft)).toBe(500)
    expect(reportOf(draft)?.place.accuracy_m).toBe(500)
    expect(roughOf({ ...draft, pin: { lon: 121.6001, lat: 38.9 } })).toBeNull()
    expect(roughOf({ ...draft, chosen: chosen('西安路与长江路交叉口', 'crossing') })).toBeNull()
    expect(roughOf({ ...draft, chosen: chosen('中山广场', 'street') })).toBeNull()
    expect(roughOf({ ...draft, chosen: chosen('西岗区', 'region') })).toBe(1000)
    expect(reportOf({ ...draft, chosen: null })?.place.accuracy_m).toBeNull()
  })

  it('is told beginning with what was chosen', () => {
    const crossing = '东北路与石葵路交叉口'
    expect(placeWords(said(crossing, '石葵路'), chosen('长春路', 'street'), true)).toBe(
      `长春路（近${crossing}，位置不准）`,
    )
    expect(placeWords(said(null, '长春路'), chosen('长春路', 'street'), true)).toBe('长春路（位置不准）')
    expect(placeWords(said(crossing, null), chosen('救助站', 'facility'), true)).toBe(`救助站（近${crossing}）`)
    expect(placeWords(said(crossing, null), chosen(crossing, 'crossing'), true)).toBe(
      `西岗区 ${crossing}附近（约 20 米）`,
    )
    expect(placeWords(said(crossing, null), null, true)).toBe(`西岗区 ${crossing}附近（约 20 米）`)
    expect(placeWords(said(crossing, null), chosen('长春路', 'street'), false)).toBe(
      `长春路 (near ${crossing}, not exact)`,
    )
  })

  it('that is two streets which do not meet is named as such', () => {
    const place = (name: string, sought: string, more = {}) =>
      ({ name, sought, fit: 'apart', kind: 'street', ...more }) as Parameters<typeof apartStreets>[0][number]
    const both = [place('西安路', '西安路'), place('长春路', '长春路'), place('西安路桥', '西安路')]
    expect(apartStreets(both)).toEqual(['西安路', '长春路'])
    expect(apartStreets([place('西岗区', '西岗', { kind: 'region' }), both[1]!])).toBeNull()
    expect(apartStreets(both.map(one => ({ ...one, fit: 'whole', sought: '' })))).toBeNull()
    expect(apartStreets([])).toBeNull()
  })
})

describe('a number', () => {
  it('is the same however it was typed, and told by its end', () => {
    expect(sameNumber('138 0000-1111', '13800001111')).toBe(true)
    expect(sameNumber('138', '138')).toBe(false)
    expect(sameNumber('', '')).toBe(false)
    expect(lastFour('138 0000-1111')).toBe('1111')
  })
})

describe('what became of it', () => {
  const of = (stage: string, more = {}) => ({ id: 'c', stage, joined_into: null, ...more }) as unknown as Case
  const offer = (state: string, at: string) => ({ id: at, case_id: 'c', state, offered_at: at }) as unknown as Offer
  const now = (one: Case | null, held: Offer | null) => stepsOf(one, held).find(step => step.state === 'now')?.name

  it('is told from the live picture alone', () => {
    expect(now(null, null)).toBe('filed')
    expect(now(of('discovered'), null)).toBe('filed')
    expect(now(of('accepted'), null)).toBe('searching')
    expect(now(of('accepted'), offer('declined', '1'))).toBe('searching')
    expect(now(of('accepted'), offer('offered', '1'))).toBe('offered')
    expect(now(of('dispatched'), offer('accepted', '1'))).toBe('on_the_way')
    expect(now(of('handling'), null)).toBe('on_the_spot')
    expect(stepsOf(of('handled'), null).every(step => step.state === 'done')).toBe(true)
  })

  it('counts down to when the team should be there, and past it', () => {
    const at = Date.parse('2016-09-19T22:21:00+08:00')
    const taken = { state: 'accepted', answered_at: '2016-09-19T22:21:00+08:00', eta_s: 540 } as Offer
    expect(arrivalOf(taken, at + 7 * 60_000)).toEqual({ at: Date.parse('2016-09-19T22:30:00+08:00'), minutes: 2 })
    expect(arrivalOf(taken, at + 12 * 60_000)?.minutes).toBe(-3)
    expect(arrivalOf({ ...taken, state: 'offered' }, at)).toBeNull()
    expect(arrivalOf({ ...taken, eta_s: null }, at)).toBeNull()
    expect(arrivalOf(null, at)).toBeNull()
  })

  it('knows whether joining sends another team', () => {
    expect([of('dispatched'), of('handling')].every(isUnderWay)).toBe(true)
    expect([of('discovered'), of('accepted'), null].some(isUnderWay)).toBe(false)
  })

  it('follows a case that was joined into another, and shows the offer that counts', () => {
    const cases = new Map([
      ['a', of('joined', { id: 'a', joined_into: 'c' })],
      ['c', of('accepted')],
    ])
    const offers = new Map([offer('declined', '2'), offer('offered', '1')].map(one => [one.id, one]))
    const state = { cases, offers } as unknown as State
    expect(caseOf(state, 'a')?.id).toBe('c')
    expect(offerOf(state, 'c')?.state).toBe('offered')
  })
})
