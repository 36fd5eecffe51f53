/** Sending at once without keeping anything, for a phone that has no room: what is not answered now is told to the person. */
import { newId, refusalOf } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { officeNow } from '../office'
import { actionOf, type Wanted } from './queue'
import { requestOf } from './send'

/** Sends these in order; an address may name what the answer to an earlier one gave. Returns the answers. Throws Refusal. */
export async function sendDirectly(...wanted: Wanted[]): Promise<Record<string, unknown>[]> {
  const answers = new Map<string, Record<string, unknown>>()
  for (const one of wanted) {
    const action = actionOf({ ...one, id: one.id ?? newId() })
    const earlier = answers.get(action.after ?? '') ?? {}
    const path = action.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(earlier[name] ?? '')))
    const signedIn = action.who !== 'public' && session.token && session.me
    const as = signedIn ? { account: session.me!.id, token: session.token! } : null
    answers.set(action.id, await answerTo(path, requestOf(action, one.photo ?? null, as, officeNow)))
  }
  return [...answers.values()]
}

async function answerTo(path: string, request: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(path, request).catch(() => null)
  if (!response) throw refusalOf(0, { code: 'away', ...AWAY })
  const body: unknown = await response.json().catch(() => null)
  if (!response.ok) throw refusalOf(response.status, body)
  return (body ?? {}) as Record<string, unknown>
}
const AWAY = {
  detail_zh: '连不上服务器，没有发出，也没有保存；请连上网络再试，或拨打热线。',
  detail_en:
    'The server cannot be reached: nothing was sent and nothing kept. Try with a network, or ring the hotline.',
}
