import { expect, test } from 'vitest'
import type { Action } from '../queue/store'
import { chainOf, offerChainOf, project, type KeptTask, type Task } from './task'

const ME = 'account-1'
const CASE = {
  id: 'c1', number: 7, stage: 'dispatched', version: 3, priority: 'high', dangers: ['injury'], call_first: ['120'], skills: [], lon: 121.6,
  lat: 38.9, in_area: true, regions: [], address: '人民路', people_count: 1, looks: {}, channel: 'web', opened_at: '2016-09-19T01:00:00Z',
  stage_since: '2016-09-19T01:00:00Z', last_seen_at: '2016-09-19T01:00:00Z', sighting_count: 1, team_id: 't1',
} // prettier-ignore
const OFFER = {
  id: 'o1', case_id: 'c1', team_id: 't1', state: 'offered', round: 1, phase: 0, offered_at: '2016-09-19T01:00:00Z',
  expires_at: '2016-09-19T01:01:30Z', eta_s: 300, eta_basis: 'roads', decision_id: null,
} // prettier-ignore

function task(more: Partial<Record<keyof Task, unknown>> = {}): KeptTask {
  const presence = { team_id: 't1', state: 'on_duty', state_since: '', shift_ends_at: null }
  const plain = {
    presence,
    offer: null,
    case: null,
    clocks: [],
    why: [],
    sightings: [],
    visit: null,
    referrals: [],
    kit: null,
    seq: 1,
  }
  return { who: ME, askedAt: 1_000, task: { ...plain, ...more } as unknown as Task }
}
let made = 0
function act(kind: string, more: Partial<Action> = {}): Action {
  made += 1
  return {
    id: `a${made}`, n: made, who: ME, kind, chain: chainOf('c1'), path: '', after: null, body: {}, idField: 'command_id', photo: false,
    occurredAt: Date.parse('2016-09-19T01:10:00Z'), about: '', state: 'waiting', refusal: null, answer: null, madeAt: 0, sentAt: null, tries: 0,
    ...more,
  } // prettier-ignore
}

test('nothing waits: the server has the last word', () => {
  expect(project(task(), [], ME).step).toBe('wait')
  expect(project(task({ offer: OFFER, case: CASE }), [], ME).step).toBe('offer')
  expect(project(task({ case: CASE }), [], ME).step).toBe('set_out')
  expect(project(task({ case: { ...CASE, stage: 'handling' } }), [], ME).step).toBe('spot')
  expect(project(null, [], ME).step).toBe('off_duty')
})

test('every own step that waits leads to the next one', () => {
  const now = task({ case: CASE })
  const steps = [act('set_out'), act('arrive'), act('photo'), act('handle')]
  expect(steps.map((_, n) => project(now, steps.slice(0, n + 1), ME).step)).toEqual(['drive', 'spot', 'spot', 'done'])
})

test('an acceptance that waits is no hold on the case', () => {
  const waits = act('accept', { chain: offerChainOf('o1') })
  const view = project(task({ offer: OFFER, case: CASE }), [waits], ME)
  expect(view.step).toBe('offer')
  expect(view.pending.accept).toBe(waits)
})

test('an acceptance that the server took is one, though its picture is older', () => {
  const taken = act('accept', { chain: offerChainOf('o1'), state: 'sent', sentAt: 2_000 })
  const view = project(task({ offer: OFFER, case: CASE }), [taken], ME)
  expect(view.step).toBe('set_out')
  expect(view.case?.id).toBe('c1')
})

test('an acceptance of before says nothing of an offer that the server still holds out now', () => {
  const older = act('accept', { chain: offerChainOf('o0'), state: 'sent', sentAt: 500 })
  expect(project(task({ offer: OFFER, case: CASE }), [older], ME).step).toBe('offer')
})

test('an offer that was declined is gone at once, an other one stays', () => {
  const declined = act('decline', { chain: offerChainOf('o1') })
  expect(project(task({ offer: OFFER, case: CASE }), [declined], ME).step).toBe('wait')
  expect(project(task({ offer: { ...OFFER, id: 'o2' }, case: CASE }), [declined], ME).step).toBe('offer')
})

test('a refused step is offered again, with what the server said', () => {
  const refused = act('arrive', { state: 'refused' })
  const view = project(task({ case: CASE }), [act('set_out', { state: 'sent', sentAt: 500 }), refused], ME)
  expect(view.step).toBe('drive')
  expect(view.refused).toEqual([refused])
})

test('what was done after a refused step waits for that step to be mended', () => {
  const steps = [act('arrive', { state: 'refused' }), act('photo'), act('handle')]
  expect(project(task({ case: CASE }), steps, ME).step).toBe('drive')
  const mended = [{ ...steps[0]!, state: 'waiting' } as Action, ...steps.slice(1)]
  expect(project(task({ case: CASE }), mended, ME).step).toBe('done')
  expect(project(task({ case: CASE }), [act('arrive'), act('handle', { state: 'refused' })], ME).step).toBe('spot')
})

test('an offer that another phone of the crew answered first is not held out again', () => {
  const lost = act('accept', { chain: offerChainOf('o1'), state: 'refused' })
  const view = project(task({ offer: OFFER, case: CASE }), [lost], ME)
  expect(view.step).toBe('wait')
  expect(view.refused).toEqual([lost])
})

test('somebody found is a case at once, on the spot, and an offer gives way to it', () => {
  const body = { case_id: 'c9', place: { lon: 121.5, lat: 38.8 }, people_count: 2, dangers: ['unconscious'] }
  const found = act('found', { chain: chainOf('c9'), body })
  const view = project(task({ offer: OFFER, case: CASE }), [found], ME)
  expect(view).toMatchObject({ step: 'spot', offer: null, case: { id: 'c9', number: null, callFirst: ['120'] } })
  const handled = [found, act('handle', { chain: chainOf('c9') })]
  expect(project(task(), handled, ME).step).toBe('done')
})

test('what was handled is summed up until it is put away, and does not hide a new offer', () => {
  const handled = act('handle', { state: 'sent', sentAt: 2_000 })
  expect(project(task({ case: CASE }), [handled], ME).step).toBe('done')
  expect(project(task(), [handled], ME).step).toBe('done')
  expect(project(task(), [handled], ME, new Set([handled.id])).step).toBe('wait')
  expect(project(task({ offer: { ...OFFER, id: 'o2', case_id: 'c2' }, case: { ...CASE, id: 'c2' } }), [handled], ME).step).toBe('offer')
}) // prettier-ignore

test('a case that verification sent back begins anew', () => {
  const again = { ...CASE, stage: 'handling', stage_since: '2016-09-19T03:00:00Z' }
  const before = [act('set_out', { state: 'sent', sentAt: 500 }), act('handle', { state: 'sent', sentAt: 500 })]
  const view = project(task({ case: again }), before, ME, new Set([before[1]!.id]))
  expect(view.step).toBe('spot')
  expect(project(task({ case: { ...again, stage: 'dispatched' } }), before, ME, new Set([before[1]!.id])).step).toBe(
    'set_out',
  )
})

test("duty is as last wished, and another account's things count for nothing", () => {
  expect(project(task(), [act('duty', { chain: 'duty', body: { state: 'off_duty' } })], ME).duty).toBe('off_duty')
  const theirs = act('duty', { chain: 'duty', body: { state: 'off_duty' }, who: 'another' })
  expect(project(task(), [theirs], ME).duty).toBe('on_duty')
  expect(project(task(), [], 'another').step).toBe('off_duty')
})

test('a distress call is shown from the tap until it is over', () => {
  const call = act('distress', { chain: 'distress:d1' })
  expect(project(task(), [call], ME).calling).toBe(call)
  const sent = { ...call, state: 'sent', sentAt: 500, answer: { id: 'd1' } } as Action
  const open = { id: 'd1', raised_at: '2016-09-19T01:00:00Z', answered_at: null, note: null }
  expect(project(task({ distress: open }), [sent], ME).calling).toBe(sent)
  expect(project(task({ distress: null }), [sent], ME).calling).toBeNull()
})
