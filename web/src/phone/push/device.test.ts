import 'fake-indexeddb/auto'
import { beforeEach, expect, test } from 'vitest'
import { PhoneStore } from '../queue/store'
import { bytesOf, forget, isRegistered, register, resubscribe, shellToken, subscribe, type Asks } from './device'

const KEY = 'BHmFqJl7_-8'
let store: PhoneStore
let names = 0
let asked: [string, string, unknown][]
const asks: Asks = async (method, path, body) => {
  asked.push([method, path, body])
  return (method === 'GET' ? { web_push: KEY, fcm: true, jpush: false } : { id: 'device-1' }) as never
}
beforeEach(() => {
  store = new PhoneStore(`push-${(names += 1)}`)
  asked = []
})

function aBrowser(key: string | null) {
  const did: string[] = []
  const made = (with_: Uint8Array) => ({
    options: { applicationServerKey: with_.buffer },
    unsubscribe: async () => did.push('unsubscribed'),
    toJSON: () => ({ endpoint: 'https://push.example/1', keys: { p256dh: 'p', auth: 'a' } }),
  })
  const pushManager = {
    getSubscription: async () => (key ? made(bytesOf(key)) : null),
    subscribe: async (how: { applicationServerKey: Uint8Array }) => (
      did.push('subscribed'),
      made(how.applicationServerKey)
    ),
  }
  return { at: { pushManager } as unknown as ServiceWorkerRegistration, did }
}

test('a browser subscribes once, and anew when the server has another key', async () => {
  const fresh = aBrowser(null)
  await subscribe(fresh.at, KEY)
  const known = aBrowser(KEY)
  await subscribe(known.at, KEY)
  const other = aBrowser('AAAA')
  await subscribe(other.at, KEY)
  expect([fresh.did, known.did, other.did]).toEqual([['subscribed'], [], ['unsubscribed', 'subscribed']])
})

test('what the shell of a WebView hands over is told as its own kind', async () => {
  const text = JSON.stringify({ kind: 'jpush', token: '1a0018970a' })
  const token = await shellToken({ pushToken: () => text })
  await register(store, asks, 'me', token!)
  expect(asked).toEqual([['POST', '/api/devices', { kind: 'jpush', token: '1a0018970a', subscription: null }]])
  expect(await shellToken(undefined)).toBeNull()
  expect(await shellToken({ pushToken: () => null })).toBeNull()
})

test('who signs out is taken off, once, and a changed subscription of nobody is told to nobody', async () => {
  await register(store, asks, 'me', { kind: 'fcm', token: 't' })
  expect([await isRegistered(store, 'me'), await isRegistered(store, 'she')]).toEqual([true, false])
  await forget(store, asks)
  await forget(store, asks)
  await resubscribe(aBrowser(null).at, store, asks)
  expect(asked.slice(1)).toEqual([['DELETE', '/api/devices/device-1', undefined]])
})

test('a subscription that the browser changed is told without a page', async () => {
  await register(store, asks, 'me', { kind: 'fcm', token: 't' })
  await resubscribe(aBrowser(null).at, store, asks)
  expect(asked.at(-1)).toMatchObject(['POST', '/api/devices', { kind: 'web_push' }])
})
