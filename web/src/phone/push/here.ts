/** Notices on this phone, as its pages switch them on and off. What is asked of the person is asked only when they tap `turnOn`. */
import { ref, watch } from 'vue'
import { session } from '@/shared/api/session'
import { refusalOf } from '@/shared/api/client'
import { store } from '../queue/store'
import { forget, isRegistered, register, shellToken, subscribe, type Asks, type Keys, type PushState } from './device'

declare global {
  interface Window {
    /** The native shell around a WebView, when there is one. */
    RescueShell?: { pushToken?: () => string | null }
  }
}
export const pushState = ref<PushState>('off')

export const asksHere: Asks = async (method, path, body) => {
  const response = await fetch(path, {
    method,
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${session.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const told: unknown = await response.json().catch(() => null)
  if (!response.ok) throw refusalOf(response.status, told)
  return told as never
}

const canPush = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window

/** How it stands, without asking the person anything. */
export async function lookAtPush(): Promise<PushState> {
  if (!session.me) return (pushState.value = 'off')
  const token = await shellToken(window.RescueShell).catch(() => null)
  if (!token && !canPush()) return (pushState.value = 'unsupported')
  if (!token && Notification.permission === 'denied') return (pushState.value = 'denied')
  const on = await isRegistered(store, session.me.id)
  return (pushState.value = on ? 'on' : 'off')
}

/** At the person's tap: asks the browser for leave, subscribes, tells the server. Throws Refusal. */
export async function turnOn(): Promise<PushState> {
  const account = session.me?.id
  if (!account) return lookAtPush()
  const token = await shellToken(window.RescueShell).catch(() => null)
  const keys = await asksHere<Keys>('GET', '/api/devices/keys')
  if (token) {
    if (!keys[token.kind]) return (pushState.value = 'not_offered')
    await register(store, asksHere, account, token)
    return (pushState.value = 'on')
  }
  if (!canPush()) return (pushState.value = 'unsupported')
  if (!keys.web_push) return (pushState.value = 'not_offered')
  if ((await Notification.requestPermission()) !== 'granted') return (pushState.value = 'denied')
  const at = await navigator.serviceWorker.ready
  await register(store, asksHere, account, await subscribe(at, keys.web_push))
  return (pushState.value = 'on')
}

export async function turnOff(): Promise<void> {
  await forget(store, asksHere)
  const at = await navigator.serviceWorker?.getRegistration('/m/')
  await (await at?.pushManager?.getSubscription())?.unsubscribe().catch(() => false)
  await lookAtPush()
}

/** Before the session ends: nothing is pushed any more to a phone that somebody has signed out of (I12). */
export const leavePush = (): Promise<void> => forget(store, asksHere)

/** Each session registers anew, silently, where the person has said yes before; the shell says when its token has changed. */
export function keepRegistered(): void {
  const again = async () => {
    const mayBe = window.RescueShell?.pushToken || (canPush() && Notification.permission === 'granted')
    if (session.token && mayBe) await turnOn().catch(() => undefined)
    await lookAtPush()
  }
  watch(() => session.token, again, { immediate: true })
  window.addEventListener('rescue-push-token', () => void again())
}
