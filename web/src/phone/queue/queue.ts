/** The queue of what was done on this phone. `enqueue` keeps it before anything is sent; `amend` mends what was refused; `drop` gives it up. */
import { newId } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { officeNow } from '../office'
import { wake } from './keep'
import { store, type Action, type Photo } from './store'

export type Wanted = {
  kind: string
  chain: string
  path: string
  body?: Record<string, unknown>
  id?: string
  idField?: 'command_id' | 'id'
  after?: string
  photo?: Photo
  about?: string
  /** Without an account, whoever is signed in. */
  asPublic?: boolean
  /** False where the body has no occurred_at; a form with a picture has none unless this is true. */
  timed?: boolean
  /** Before everything that waits already: somebody calls for help. */
  first?: boolean
}

/** The phone has no room left: nothing was kept, and the person must be told. */
export class NoRoom extends Error {}

/** Keeps one action, or several that belong together: all or none. Returns their ids. Throws NoRoom. */
export async function enqueue(...wanted: Wanted[]): Promise<string[]> {
  const actions = wanted.map(actionOf)
  try {
    await store.transaction('rw', store.actions, store.photos, async () => {
      const front = wanted.some(one => one.first) ? await placeInFront() : null
      await store.actions.bulkAdd((front === null ? actions : actions.map(one => ({ ...one, n: front }))) as Action[])
      await store.photos.bulkAdd(
        actions.flatMap(({ id }, at) => (wanted[at]!.photo ? [{ id, ...wanted[at]!.photo }] : [])),
      )
    })
  } catch (fault) {
    if (isFull(fault)) throw new NoRoom()
    throw fault
  }
  wake()
  return actions.map(one => one.id)
}

/** A number before all others; one for one action. */
const placeInFront = async (): Promise<number> => Math.min(0, (await store.actions.orderBy('n').first())?.n ?? 0) - 1

/** The action as the queue keeps it. */
export function actionOf(wanted: Wanted): Omit<Action, 'n'> {
  return {
    id: wanted.id ?? newId(),
    who: wanted.asPublic ? 'public' : (session.me?.id ?? 'public'),
    kind: wanted.kind,
    chain: wanted.chain,
    path: wanted.path,
    after: wanted.after ?? null,
    body: wanted.body ?? {},
    idField: wanted.idField ?? 'command_id',
    photo: !!wanted.photo,
    occurredAt: (wanted.timed ?? !wanted.photo) ? officeNow() : null,
    about: wanted.about ?? '',
    state: 'waiting',
    refusal: null,
    answer: null,
    madeAt: Date.now(),
    sentAt: null,
    tries: 0,
  }
}

function isFull(fault: unknown): boolean {
  const names = [fault, (fault as { inner?: unknown } | null)?.inner].map(one => (one as Error | null)?.name)
  return names.some(name => name === 'QuotaExceededError' || name === 'AbortError')
}

/** What was refused, mended: it is sent again in its old place, under its old id and time; `as: 'now'` where it is still so now. */
export async function amend(id: string, body: Record<string, unknown>, as: 'then' | 'now' = 'then'): Promise<void> {
  const time = as === 'now' ? { occurredAt: officeNow() } : {}
  await store.actions
    .where('id')
    .equals(id)
    .modify({ body, state: 'waiting', refusal: null, ...time })
  wake()
}

/** Given up by the person, with what could only follow it. What was sent already stays. */
export async function drop(id: string): Promise<void> {
  await store.transaction('rw', store.actions, store.photos, async () => {
    const doomed = [id]
    for (let at = 0; at < doomed.length; at += 1) {
      doomed.push(...(await store.actions.where('after').equals(doomed[at]!).toArray()).map(one => one.id))
    }
    const open = await store.actions.where('id').anyOf(doomed).toArray()
    const given = open.filter(one => one.state !== 'sent')
    await store.actions.bulkDelete(given.map(one => one.n))
    await store.photos.bulkDelete(given.map(one => one.id))
  })
  wake()
}

/** A picture as the queue keeps it: made smaller on the phone, since it goes over a weak network. */
export async function photoOf(file: Blob, longestPx = 2_000): Promise<Photo> {
  const small = await smaller(file, longestPx).catch(() => file)
  return { bytes: await small.arrayBuffer(), type: small.type || 'image/jpeg' }
}

async function smaller(file: Blob, longestPx: number): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: 'from-image' })
  const share = Math.min(1, longestPx / Math.max(picture.width, picture.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(picture.width * share)
  canvas.height = Math.round(picture.height * share)
  canvas.getContext('2d')!.drawImage(picture, 0, 0, canvas.width, canvas.height)
  picture.close()
  return await new Promise((done, failed) =>
    canvas.toBlob(made => (made ? done(made) : failed(new Error('no picture'))), 'image/jpeg', 0.85),
  )
}
