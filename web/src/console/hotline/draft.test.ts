import { describe, expect, it } from 'vitest'
import type { Case, Offer, State } from '@/shared/live/state'
import { callFirst, draftFrom, freshDraft, isBlank, missing, reportOf } from './draft'
import { caseOf, offerOf, stepsOf } from './sending'

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
