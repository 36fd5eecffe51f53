import 'fake-indexeddb/auto'
import { beforeEach, expect, test } from 'vitest'
import type { Post } from '../queue/send'
import { PhoneStore, SESSION } from '../queue/store'
import { isWanted, paceOf, sendFixes, type Seen } from './positions'

const NOW = Date.parse('2016-09-19T09:00:00Z')
const at = (s: number, northM = 0, accuracyM = 8): Seen => ({
  lon: 121.6,
  lat: 38.9 + northM / 111_195,
  atMs: NOW + s * 1000,
  accuracyM,
})
let store: PhoneStore
let names = 0
beforeEach(async () => {
  store = new PhoneStore(`fixes-${(names += 1)}`)
  await store.keep(SESSION, { account: 'me', token: 'secret' })
})

test('off duty and signed out nothing is asked of the phone', () => {
  expect(paceOf(false, 'on_duty', 'drive', [], NOW)).toBe('off')
  expect(paceOf(true, 'off_duty', 'off_duty', [], NOW)).toBe('off')
  expect(isWanted(null, at(0), 'off')).toBe(false)
})

test('most often on the way to a case, seldom while nothing moves', () => {
  const standing = [at(-400), at(-300, 5), at(-200, -4), at(-100, 3)]
  expect(paceOf(true, 'on_duty', 'drive', standing, NOW)).toBe('driving')
  expect(paceOf(true, 'on_duty', 'set_out', [], NOW)).toBe('driving')
  expect(paceOf(true, 'on_duty', 'wait', standing, NOW)).toBe('still')
  expect(paceOf(true, 'on_duty', 'spot', standing, NOW)).toBe('still')
  expect(paceOf(true, 'on_duty', 'wait', standing.slice(3), NOW)).toBe('duty')
  expect(paceOf(true, 'on_duty', 'wait', [...standing, at(-1, 120)], NOW)).toBe('duty')
  expect(paceOf(true, 'resting', 'resting', [], NOW)).toBe('duty')
})

test('kept after so long or so far, whichever comes first', () => {
  expect(isWanted(null, at(0), 'duty')).toBe(true)
  expect(isWanted(at(0), at(4, 10), 'driving')).toBe(false)
  expect(isWanted(at(0), at(5), 'driving')).toBe(true)
  expect(isWanted(at(0), at(1, 26), 'driving')).toBe(true)
  expect(isWanted(at(0), at(19, 40), 'duty')).toBe(false)
  expect(isWanted(at(0), at(20), 'duty')).toBe(true)
  expect(isWanted(at(0), at(60), 'still')).toBe(false)
  expect(isWanted(at(0), at(120), 'still')).toBe(true)
  expect(isWanted(at(0), at(2, 60, 90), 'duty')).toBe(false)
})

async function keep(count: number, more: Partial<{ who: string; at: string }> = {}): Promise<void> {
  const plain = { who: 'me', at: new Date(NOW - 60_000).toISOString(), lon: 121.6, lat: 38.9, accuracy_m: 8 }
  const all = Array.from({ length: count }, () => ({ ...plain, heading_deg: null, speed_m_s: null, ...more }))
  await store.fixes.bulkAdd(all as never[])
}
function server(answer: () => Response): { post: Post; sizes: number[] } {
  const sizes: number[] = []
  const post: Post = async (_, init) => {
    sizes.push((JSON.parse(String(init.body)) as { fixes: unknown[] }).fixes.length)
    return answer()
  }
  return { post, sizes }
}

test('they go in batches of at most 500, and are gone from the phone afterwards', async () => {
  await keep(1_200)
  const { post, sizes } = server(() => new Response('{}'))
  expect(await sendFixes(store, post, () => NOW)).toBe(true)
  expect(sizes).toEqual([500, 500, 200])
  expect(await store.fixes.count()).toBe(0)
})

test('without a network they stay, but not beyond three days', async () => {
  await keep(3)
  await keep(2, { at: new Date(NOW - 3 * 86_400_000 - 1).toISOString() })
  const away = () => {
    throw new TypeError('no network')
  }
  expect(await sendFixes(store, server(away).post, () => NOW)).toBe(false)
  expect(await store.fixes.count()).toBe(3)
})

test("another account's are never sent, and a batch that can never be taken keeps none back", async () => {
  await keep(2, { who: 'another' })
  await keep(4)
  const { post, sizes } = server(() => new Response('{}', { status: 422 }))
  expect(await sendFixes(store, post, () => NOW)).toBe(true)
  expect(sizes).toEqual([4])
  expect(await store.fixes.count()).toBe(2)
})
