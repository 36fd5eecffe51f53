import 'fake-indexeddb/auto'
import { beforeEach, expect, test } from 'vitest'
import { flush, sendAtOnce, type Post } from './send'
import { PhoneStore, SESSION, type Action } from './store'

let store: PhoneStore
let names = 0
const now = () => Date.parse('2016-09-19T09:00:00Z')

beforeEach(async () => {
  store = new PhoneStore(`test-${(names += 1)}`)
  await store.keep(SESSION, { account: 'me', token: 'secret' })
})

async function add(id: string, more: Partial<Action> = {}): Promise<void> {
  const plain = {
    id, who: 'me', kind: 'arrive', chain: 'case-1', path: `/api/${id}`, after: null, body: { note: id }, idField: 'command_id',
    photo: false, occurredAt: Date.parse('2016-09-19T08:50:00Z'), about: '', state: 'waiting', refusal: null, answer: null, madeAt: 0,
    sentAt: null, tries: 0,
  } // prettier-ignore
  await store.actions.add({ ...plain, ...more } as Action)
}

/** A server that answers by address, and what it was sent. */
function server(answers: Record<string, number | Response | 'away'>): {
  post: Post
  got: string[]
  inits: RequestInit[]
} {
  const got: string[] = []
  const inits: RequestInit[] = []
  const post: Post = async (url, init) => {
    const answer = answers[url] ?? 200
    if (answer === 'away') throw new TypeError('no network')
    got.push(url)
    inits.push(init)
    if (answer instanceof Response) return answer
    const problem = { code: 'too_far', detail_zh: '太远', detail_en: 'too far', field: 'reason' }
    return new Response(JSON.stringify(answer === 200 ? { receipt: 'R 1' } : problem), { status: answer })
  }
  return { post, got, inits }
}

const states = async () => Object.fromEntries((await store.actions.toArray()).map(one => [one.id, one.state]))

test('what waits is sent in the order in which it was done, with its own id and time', async () => {
  await add('a')
  await add('b')
  const { post, got, inits } = server({})
  expect((await flush(store, post, now)).end).toBe('done')
  expect(got).toEqual(['/api/a', '/api/b'])
  expect(JSON.parse(String(inits[0]!.body))).toEqual({
    note: 'a',
    command_id: 'a',
    occurred_at: '2016-09-19T08:50:00.000Z',
  })
  expect(inits[0]!.headers).toMatchObject({
    Authorization: 'Bearer secret',
    'Rescue-Sent-At': '2016-09-19T09:00:00.000Z',
  })
  expect(await states()).toEqual({ a: 'sent', b: 'sent' })
})

test('without a network everything stays, and nothing is sent twice afterwards', async () => {
  await add('a')
  await add('b')
  const cut = server({ '/api/b': 'away' })
  expect((await flush(store, cut.post, now)).end).toBe('away')
  const back = server({})
  await flush(store, back.post, now)
  expect([...cut.got, ...back.got]).toEqual(['/api/a', '/api/b'])
})

test('one refused thing holds up its own chain and nothing else, and goes on once it is mended', async () => {
  await add('a')
  await add('b')
  await add('other', { chain: 'case-2' })
  const strict = server({ '/api/a': 422 })
  await flush(store, strict.post, now)
  expect(strict.got).toEqual(['/api/a', '/api/other'])
  const refused = await store.actions.where('id').equals('a').first()
  expect(refused?.refusal).toMatchObject({ code: 'too_far', zh: '太远', field: 'reason' })
  await store.actions
    .where('id')
    .equals('a')
    .modify({ state: 'waiting', body: { note: 'a', reason: '门关了' } })
  const back = server({})
  await flush(store, back.post, now)
  expect(back.got).toEqual(['/api/a', '/api/b'])
})

test('a fault of the server over one thing lets the others pass', async () => {
  await add('a')
  await add('other', { chain: 'case-2' })
  const { post, got } = server({ '/api/a': 500 })
  await flush(store, post, now)
  expect(got).toEqual(['/api/a', '/api/other'])
  expect(await states()).toEqual({ a: 'waiting', other: 'sent' })
})

test('a server that asks to wait is left alone for so long', async () => {
  await add('a')
  await add('other', { chain: 'case-2' })
  const { post, got } = server({ '/api/a': new Response('{}', { status: 429, headers: { 'Retry-After': '7' } }) })
  expect(await flush(store, post, now)).toEqual({ end: 'later', waitS: 7 })
  expect(got).toEqual(['/api/a'])
})

test('a photo of a report goes to the address that the report was given', async () => {
  await add('a', { who: 'public', idField: 'id' })
  await add('p', {
    who: 'public',
    after: 'a',
    path: '/api/reports/{receipt}/photos',
    photo: true,
  })
  await store.photos.add({ id: 'p', bytes: new ArrayBuffer(3), type: 'image/jpeg' })
  const { post, got, inits } = server({})
  await flush(store, post, now)
  expect(got).toEqual(['/api/a', '/api/reports/R%201/photos'])
  expect((inits[1]!.body as FormData).get('photo')).toBeInstanceOf(Blob)
  expect(await store.photos.count()).toBe(0)
})

test("another person's things wait for them, and are never sent as somebody else", async () => {
  await add('hers', { who: 'she' })
  await add('mine', { chain: 'case-2' })
  const { post, got } = server({})
  expect((await flush(store, post, now)).end).toBe('signed_out')
  expect(got).toEqual(['/api/mine'])
})

test('a call for help goes past everything that waits, and the queue then sends it no second time', async () => {
  await add('photo')
  await add('help', { n: -1, chain: 'distress:help' })
  const { post, got } = server({})
  expect(await sendAtOnce(store, post, 'help', now)).toBe(true)
  expect(got).toEqual(['/api/help'])
  await flush(store, post, now)
  expect(got).toEqual(['/api/help', '/api/photo'])
  const cut = server({ '/api/again': 'away' })
  await add('again', { n: -2, chain: 'distress:again' })
  expect(await sendAtOnce(store, cut.post, 'again', now)).toBe(false)
  await flush(store, post, now)
  expect(got).toEqual(['/api/help', '/api/photo', '/api/again'])
})
