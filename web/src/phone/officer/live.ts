/** The officer's task as all pages show it: kept on the phone, asked anew whenever the feed tells of anything. Begin at `useOfficer`. */
import { liveQuery } from 'dexie'
import { computed, effectScope, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import { api, ask, Refusal } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { Feed, type Line } from '@/shared/live/feed'
import type { LiveEvent } from '@/shared/live/state'
import { hearTime, officeNow } from '../office'
import { store, type Action } from '../queue/store'
import { project, type KeptTask, type View } from './task'

export type Officer = {
  view: ComputedRef<View>
  /** The office's time (ms), four times a second. */
  now: Ref<number>
  line: Ref<Line>
  /** What the server said instead of a task. */
  refused: Ref<Refusal | null>
  /** Whether what is kept on the phone has been read. */
  ready: Ref<boolean>
  actions: ShallowRef<readonly Action[]>
  /** The phone's own time (ms) of the last answer. */
  heardAt: ComputedRef<number | null>
  refresh: () => void
  /** Calls `hear` with what the feed told, and with null when it began anew and anything may have changed; the answer stops it. */
  onTold: (hear: (events: readonly LiveEvent[] | null) => void) => () => void
  putAway: (handlingId: string) => void
}

const TASK = 'task'
const DISMISSED = 'task.dismissed'
const GATHER_MS = 120
const POLL_MS = 15_000
const TICK_MS = 250
const NO_TASK = /^(sweep|campaign|warning)\./
const scope = effectScope(true)
let officer: Officer | null = null

/** The one task of this phone; begins with the first caller and follows who is signed in. */
export function useOfficer(): Officer {
  officer ??= scope.run(make)!
  return officer
}

function make(): Officer {
  const kept = shallowRef<KeptTask | null>(null)
  const actions = shallowRef<readonly Action[]>([])
  const dismissed = shallowRef<ReadonlySet<string>>(new Set())
  const line = ref<Line>('connecting')
  const refused = shallowRef<Refusal | null>(null)
  const now = ref(officeNow())
  const loaded = ref(0)
  let seq: number | null = null
  let feed: Feed | null = null
  let gathering = 0
  let asking = false
  let again = false
  const listeners = new Set<(events: readonly LiveEvent[] | null) => void>()

  const isOfficer = () => !!session.token && session.roles.includes('officer')
  const who = () => session.me?.id ?? ''
  const view = computed(() => project(kept.value, actions.value, who(), dismissed.value))

  function refresh(): void {
    if (!isOfficer()) return
    if (asking) again = true
    else if (!gathering) gathering = window.setTimeout(askTask, GATHER_MS)
  }

  async function askTask(): Promise<void> {
    gathering = 0
    asking = true
    const askedAt = Date.now()
    const account = who()
    try {
      const task = await ask(api.GET('/api/officer/task'))
      if (account !== who()) return
      hearTime(task.now)
      refused.value = null
      kept.value = { who: account, askedAt, task }
      await store.keep(TASK, kept.value).catch(() => undefined)
    } catch (fault) {
      refused.value = fault instanceof Refusal && fault.status ? fault : null
    } finally {
      asking = false
      if (again) {
        again = false
        refresh()
      }
    }
  }

  function hear(message: { type: string } & Record<string, unknown>): void {
    if (message.type === 'hello' || message.type === 'pulse') hearTime(String(message.now))
    if (typeof message.seq === 'number') seq = message.seq
    const events = message.type === 'event' ? [message as unknown as LiveEvent] : message.type === 'events' ? (message.events as LiveEvent[]) : [] // prettier-ignore
    // A night's sweep tells of every cell that any team looks at: that changes nobody's task.
    if (message.type === 'snapshot' || events.some(event => !NO_TASK.test(event.kind))) refresh()
    if (message.type === 'snapshot' || events.length) for (const tell of listeners) tell(events.length ? events : null)
  }

  async function ticket(): Promise<string | null> {
    try {
      return (await ask(api.POST('/api/feed/tickets'))).ticket
    } catch (fault) {
      if (fault instanceof Refusal && (fault.status === 401 || fault.status === 403)) return null
      throw fault
    }
  }

  function begin(): void {
    stop()
    seq = null
    const ended = (why: string) => why === 'signed_out' && session.token && session.end('revoked')
    feed = new Feed(ticket, () => seq, { message: hear, line: value => (line.value = value), ended })
    feed.start()
    refresh()
  }

  function stop(): void {
    feed?.stop()
    feed = null
  }

  function putAway(handlingId: string): void {
    dismissed.value = new Set([...[...dismissed.value].slice(-20), handlingId])
    void store.keep(DISMISSED, [...dismissed.value])
  }

  const read = () => (loaded.value += 1)
  void store
    .find<KeptTask>(TASK)
    .then(found => (kept.value ??= found))
    .finally(read)
  void store
    .find<string[]>(DISMISSED)
    .then(found => (dismissed.value = new Set([...(found ?? []), ...dismissed.value])))
  let first = true
  liveQuery(() => store.actions.orderBy('n').toArray()).subscribe(found => {
    // The server took or refused something: it knows more than what is shown.
    const answered = (all: readonly Action[]) => all.map(one => (one.state === 'waiting' ? '' : one.state)).join()
    if (!first && answered(found) !== answered(actions.value)) refresh()
    actions.value = found
    if (first) read()
    first = false
  })
  watch(
    () => (isOfficer() ? session.token : null),
    token => {
      if (token) return begin()
      stop()
      // What was told of people is not left on a phone that nobody is signed in on.
      kept.value = null
      void store.kept.delete(TASK)
    },
    { immediate: true },
  )
  setInterval(() => (now.value = officeNow()), TICK_MS)
  setInterval(() => line.value !== 'live' && refresh(), POLL_MS)
  window.addEventListener('online', refresh)
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && refresh())

  return {
    view,
    now,
    line,
    refused,
    ready: computed(() => loaded.value >= 2) as unknown as Ref<boolean>,
    actions,
    heardAt: computed(() => kept.value?.askedAt ?? null),
    refresh,
    onTold: tell => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    putAway,
  }
}
