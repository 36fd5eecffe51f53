/** Sending what waits, in order: one refused action holds up its own chain and nothing else (I9), and no answer is taken for granted.
 *
 * Runs in the page and in the service worker; whoever has the lock sends. Begin at `flush`. */
import { SESSION, type Action, type Photo, type PhoneStore, type Refusal } from './store'

export type SignedIn = { account: string; token: string }
/** done: nothing more to do now · away: no network or no server · signed_out: the account must sign in · later: asked to wait. */
export type Outcome = { end: 'done' | 'away' | 'signed_out' | 'later'; waitS: number }
export type Post = (url: string, init: RequestInit) => Promise<Response>

const SEND_WITHIN_MS = 30_000
const PHOTO_WITHIN_MS = 180_000
const NOT_NOW = new Set([408, 425, 500, 502, 503, 504])
const DONE: Outcome = { end: 'done', waitS: 0 }

/** Sends everything that can be sent. now: the office's time in ms, for the header that corrects a wrong clock. */
export async function flush(store: PhoneStore, post: Post, now: () => number): Promise<Outcome> {
  const session = await store.find<SignedIn>(SESSION)
  const held = new Set<string>()
  let trouble: Outcome = DONE
  const open = await store.actions.where('state').anyOf('waiting', 'refused').primaryKeys()
  for (const n of open.sort((a, b) => a - b)) {
    const action = await store.actions.get(n)
    if (!action || action.state === 'sent') continue
    if (action.state === 'refused' || held.has(action.chain)) {
      held.add(action.chain)
      continue
    }
    if (action.who !== 'public' && action.who !== session?.account) {
      trouble = { end: 'signed_out', waitS: 0 }
      continue
    }
    const path = await addressOf(store, action)
    if (path === null) {
      held.add(action.chain)
      continue
    }
    const sent = await sendOne(store, post, action, path, session, now)
    if (sent === 'sent') continue
    held.add(action.chain)
    if (sent === 'refused') continue
    if (sent.end === 'away' || sent.end === 'later') return sent
    trouble = sent
  }
  return trouble
}

/** Sends one action past all others and beside whoever sends: it cannot wait for a large picture. Its id lets it have one effect. */
export async function sendAtOnce(store: PhoneStore, post: Post, id: string, now: () => number): Promise<boolean> {
  const session = await store.find<SignedIn>(SESSION)
  const action = await store.actions.where('id').equals(id).first()
  if (!action || action.state !== 'waiting') return true
  if (action.who !== 'public' && action.who !== session?.account) return false
  return (await sendOne(store, post, action, action.path, session, now)) === 'sent'
}

/** The address with what an earlier answer gave; null while that has not come. */
async function addressOf(store: PhoneStore, action: Action): Promise<string | null> {
  if (action.after === null) return action.path
  const earlier = await store.actions.where('id').equals(action.after).first()
  if (earlier?.state !== 'sent') return null
  return action.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(earlier.answer?.[name] ?? '')),
  )
}

async function sendOne(
  store: PhoneStore,
  post: Post,
  action: Action,
  path: string,
  session: SignedIn | null,
  now: () => number,
): Promise<'sent' | 'refused' | Outcome> {
  const photo = action.photo ? ((await store.photos.get(action.id)) ?? null) : null
  let response: Response
  try {
    response = await post(path, requestOf(action, photo, session, now))
  } catch {
    return { end: 'away', waitS: 0 }
  }
  const answer = await bodyOf(response)
  if (response.ok) {
    const sent = { state: 'sent', answer, refusal: null, sentAt: Date.now(), tries: action.tries + 1 } as const
    await store.actions.update(action.n, sent)
    await store.photos.delete(action.id)
    return 'sent'
  }
  if (response.status === 401 && action.who !== 'public') return { end: 'signed_out', waitS: 0 }
  if (response.status === 429) return { end: 'later', waitS: waitOf(response, 5) }
  if (NOT_NOW.has(response.status)) {
    await store.actions.update(action.n, { tries: action.tries + 1 })
    // A fault of the server's over this one thing must not keep the others: only its chain waits.
    return response.status === 500 ? DONE : { end: 'later', waitS: waitOf(response, 5) }
  }
  await store.actions.update(action.n, {
    state: 'refused',
    refusal: refusalOf(response.status, answer),
    tries: action.tries + 1,
  })
  return 'refused'
}

/** now: the office's time in ms. */
export function requestOf(
  action: Omit<Action, 'n'>,
  photo: Photo | null,
  session: SignedIn | null,
  now: () => number,
): RequestInit {
  const headers: Record<string, string> = { 'Rescue-Sent-At': new Date(now()).toISOString() }
  if (action.who !== 'public' && session) headers.Authorization = `Bearer ${session.token}`
  const told = action.occurredAt === null ? {} : { occurred_at: new Date(action.occurredAt).toISOString() }
  if (photo) {
    const form = new FormData()
    for (const [name, value] of Object.entries({ ...action.body, [action.idField]: action.id, ...told }))
      form.append(name, String(value))
    form.append('photo', new Blob([photo.bytes], { type: photo.type }), 'photo.jpg')
    return { method: 'POST', headers, body: form, signal: AbortSignal.timeout(PHOTO_WITHIN_MS) }
  }
  headers['Content-Type'] = 'application/json'
  const body = JSON.stringify({ ...action.body, [action.idField]: action.id, ...told })
  return { method: 'POST', headers, body, signal: AbortSignal.timeout(SEND_WITHIN_MS) }
}

async function bodyOf(response: Response): Promise<Record<string, unknown>> {
  const found: unknown = await response.json().catch(() => null)
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {}
}

function waitOf(response: Response, otherwise: number): number {
  const asked = Number(response.headers.get('Retry-After'))
  return asked > 0 ? Math.min(asked, 300) : otherwise
}

function refusalOf(status: number, told: Record<string, unknown>): Refusal {
  const text = (name: string, otherwise: string) =>
    typeof told[name] === 'string' ? (told[name] as string) : otherwise
  return {
    status,
    code: text('code', 'unknown'),
    zh: text('detail_zh', `服务器答复 ${status}。`),
    en: text('detail_en', `The server answered ${status}.`),
    field: typeof told.field === 'string' ? told.field : null,
    problem: told,
  }
}
