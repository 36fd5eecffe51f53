/** The service worker: the app opens without network, a push is shown, and what waits is sent when the network returns, even with the app closed. */
import { ExpirationPlugin } from 'workbox-expiration'
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from 'workbox-precaching'
import { NavigationRoute, registerRoute } from 'workbox-routing'
import { CacheFirst } from 'workbox-strategies'
import { resubscribe, type Asks } from './push/device'
import { showNotice, type Notice } from './push/notice'
import { flush, type SignedIn } from './queue/send'
import { carriedOn, NOTHING_HEARD, type Heard } from './clock'
import { HEARD, SESSION, store } from './queue/store'

declare const self: ServiceWorkerGlobalScope
type SyncEvent = ExtendableEvent & { tag: string }

precacheAndRoute(self.__WB_MANIFEST)
cleanupOutdatedCaches()
registerRoute(new NavigationRoute(createHandlerBoundToURL('/m/index.html'), { allowlist: [/^\/m\//] }))
// What is not kept from the start (the map): kept once it was looked at. Names change with content.
registerRoute(({ url }) => url.pathname.startsWith('/m/assets/'), new CacheFirst({ cacheName: 'assets' }))
registerRoute(
  ({ url }) => url.pathname.startsWith('/api/map/tiles/'),
  new CacheFirst({ cacheName: 'tiles', plugins: [new ExpirationPlugin({ maxEntries: 400, purgeOnQuotaError: true })] }),
)

self.addEventListener('message', event => {
  if ((event.data as { type?: string } | null)?.type === 'take_over') void self.skipWaiting()
})
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()))

self.addEventListener('push', event => {
  const notice = event.data?.json() as Notice | undefined
  if (notice) event.waitUntil(showNotice(self.registration, notice))
})
self.addEventListener('notificationclick', event => {
  event.notification.close()
  event.waitUntil(openAt('/m/#/task'))
})
self.addEventListener('pushsubscriptionchange', event => {
  ;(event as ExtendableEvent).waitUntil(resubscribe(self.registration, store, asksAsKept).catch(() => undefined))
})
self.addEventListener('sync', event => {
  const sync = event as SyncEvent
  if (sync.tag === 'rescue-queue') sync.waitUntil(sendAll())
})

async function openAt(address: string): Promise<void> {
  const [open] = await self.clients.matchAll({ type: 'window', includeUncontrolled: false })
  if (!open) return void (await self.clients.openWindow(address))
  await open.focus()
  open.postMessage({ type: 'open', address })
}

/** Throws while something could not be sent for want of a network: the browser tries again later. */
async function sendAll(): Promise<void> {
  const heard = (await store.find<Heard>(HEARD)) ?? NOTHING_HEARD
  const now = () => carriedOn(heard, Date.now())
  const outcome = await navigator.locks.request('rescue-queue', () =>
    flush(store, (url, init) => fetch(url, init), now),
  )
  if (outcome.end === 'away' || outcome.end === 'later') throw new Error(outcome.end)
}

/** As whoever is signed in on this phone, also while no page is open. */
const asksAsKept: Asks = async (method, path, body) => {
  const session = await store.find<SignedIn>(SESSION)
  if (!session) throw new Error('signed_out')
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${session.token}` }
  const response = await fetch(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  if (!response.ok) throw new Error(String(response.status))
  return (await response.json().catch(() => null)) as never
}
