/** What is kept on the phone until the server has it: actions in their order, with their photos; the last answers, to show without network.
 *
 * IndexedDB, so that closing the app or restarting the phone loses nothing. Also read by the service worker: nothing here knows a page. */
import Dexie, { type EntityTable } from 'dexie'

export type Refusal = {
  status: number
  code: string
  zh: string
  en: string
  field: string | null
  problem: Record<string, unknown>
}
export type Photo = { bytes: ArrayBuffer; type: string }
/** The picture of an action, apart from it so that lists need not carry it. */
export type KeptPhoto = Photo & { id: string }
export type State = 'waiting' | 'sent' | 'refused'

export type Action = {
  /** The command's own id (UUIDv7): sent twice it has one effect. */
  id: string
  /** Their order on this phone; given by the store. */
  n: number
  /** The account that did it, or `public`. Sent only as that account. */
  who: string
  /** What it is, for people: a key of the words `phone.action`. */
  kind: string
  /** What it belongs to (a case, a report): after a refusal the later ones of its chain wait until that is settled. */
  chain: string
  /** The address, POSTed to. `{name}` stands for a member of the answer to `after`. */
  path: string
  /** An earlier action whose answer the address needs. */
  after: string | null
  /** The body without its id and time; with a photo, the fields of the form. */
  body: Record<string, unknown>
  /** How the body calls the action's id. */
  idField: 'command_id' | 'id'
  /** Whether a picture lies beside it under its id. */
  photo: boolean
  /** The office's time when it was done (ms); null where the body has no such field. */
  occurredAt: number | null
  /** A few words of its own for the list: an address, a case's number. */
  about: string
  state: State
  refusal: Refusal | null
  answer: Record<string, unknown> | null
  /** The phone's own times (ms). */
  madeAt: number
  sentAt: number | null
  tries: number
}
export type Kept = { key: string; value: unknown }
export type Fix = {
  n: number
  who: string
  at: string
  lon: number
  lat: number
  accuracy_m: number | null
  heading_deg: number | null
  speed_m_s: number | null
}

/** What `kept` holds for the service worker: who is signed in, and the office's time as it was heard last. */
export const SESSION = 'session'
export const HEARD = 'time'

export class PhoneStore extends Dexie {
  actions!: EntityTable<Action, 'n'>
  photos!: EntityTable<KeptPhoto, 'id'>
  kept!: EntityTable<Kept, 'key'>
  fixes!: EntityTable<Fix, 'n'>

  constructor(name = 'rescue-phone') {
    super(name)
    this.version(1).stores({ actions: '++n, &id, state, chain, after', photos: 'id', kept: 'key', fixes: '++n' })
  }

  async keep(key: string, value: unknown): Promise<void> {
    await this.kept.put({ key, value })
  }

  async find<T>(key: string): Promise<T | null> {
    return ((await this.kept.get(key))?.value as T | undefined) ?? null
  }
}

export const store = new PhoneStore()
