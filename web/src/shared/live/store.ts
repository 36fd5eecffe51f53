/** The one live picture of this window: state, places, the line's health, and the office's time. Begin at `useLive`. */
import {
  computed,
  effectScope,
  reactive,
  ref,
  shallowRef,
  watch,
  type ComputedRef,
  type Ref,
  type ShallowRef,
} from 'vue'
import { api, ask, Refusal } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { Feed, type Line } from './feed'
import { Places, type Moves } from './places'
import { apply, EMPTY, type LiveEvent, type Message, type State } from './state'

export type Live = {
  /** Replaced as a whole by every change; tables that did not change stay the same objects. */
  state: ShallowRef<State>
  places: Places
  /** The office's time (ms), a second at a time; it may run faster than this machine's in a demonstration. */
  now: Ref<number>
  line: Ref<Line>
  /** Seconds since the picture was last known to be complete; 0 while it is live. */
  ageS: ComputedRef<number>
  ended: Ref<string | null>
  /** The last events told while this window was open, newest last. */
  news: ShallowRef<readonly LiveEvent[]>
  onEvent: (hear: (event: LiveEvent) => void) => () => void
  /** How many whole pictures have come: after a further one, what is not in it has to be asked for again. */
  pictures: Ref<number>
  look: (bounds: readonly number[] | null) => void
}

const NEWS_KEPT = 200
/** After these a case may have an address that no event carries. */
const TELLS_PLACE = new Set(['case.opened', 'case.sighting_joined', 'case.unjoined'])
const scope = effectScope(true)
let live: (Live & { begin: () => void; stop: () => void }) | null = null

/** The live picture; begins with the first caller and follows who is signed in. */
export function useLive(): Live {
  live ??= scope.run(make)!
  return live
}

function make(): Live & { begin: () => void; stop: () => void } {
  const state = shallowRef<State>(EMPTY)
  const news = shallowRef<readonly LiveEvent[]>([])
  const places = new Places()
  const line = ref<Line>('connecting')
  const ended = ref<string | null>(null)
  const told = reactive({ office: 0, machine: 0, rate: 1, complete: 0 })
  const now = ref(Date.now())
  const pictures = ref(0)
  const listeners = new Set<(event: LiveEvent) => void>()
  let feed: Feed | null = null

  const officeNow = () => (told.machine ? told.office + (performance.now() - told.machine) * told.rate : Date.now())

  function hearTime(text: string): void {
    const office = Date.parse(text)
    const machine = performance.now()
    // Two pulses tell how fast the office's clock runs: 60 times life in a demonstration.
    if (told.machine && machine - told.machine > 2_000) {
      const rate = (office - told.office) / (machine - told.machine)
      if (rate > 0 && rate < 1_000) told.rate = Math.abs(rate - 1) < 0.2 ? 1 : rate
    }
    Object.assign(told, { office, machine })
    now.value = office
  }

  function hear(message: { type: string } & Record<string, unknown>): void {
    if (message.type === 'hello' || message.type === 'pulse') hearTime(String(message.now))
    if (message.type === 'positions') return places.move(message as unknown as Moves)
    const before = state.value
    state.value = apply(before, message as unknown as Message)
    if (message.type === 'snapshot') {
      places.begin(state.value.teams.values())
      pictures.value += 1
    }
    if (message.type === 'event') tell([message as unknown as LiveEvent], before.seq)
    if (message.type === 'events') tell(message.events as LiveEvent[], before.seq)
    if (message.type !== 'hello') told.complete = performance.now()
  }

  function tell(events: LiveEvent[], after: number): void {
    const fresh = events.filter(event => event.seq > after)
    if (!fresh.length) return
    for (const event of fresh) if (event.data.state === 'off_duty') places.forget(String(event.data.team_id))
    news.value = [...news.value, ...fresh].slice(-NEWS_KEPT)
    for (const event of fresh) for (const listen of listeners) listen(event)
    if (fresh.some(event => TELLS_PLACE.has(event.kind))) askAddresses()
  }

  let asking = 0
  /** One small question for all cases that were opened within a second. */
  function askAddresses(): void {
    if (asking) return
    asking = window.setTimeout(async () => {
      asking = 0
      const page = await ask(api.GET('/api/cases', { params: { query: { limit: 50 } } })).catch(() => null)
      if (!page) return
      const of = Object.fromEntries(page.cases.map(one => [one.id, one.address ?? null]))
      state.value = apply(state.value, { type: 'addresses', of })
    }, 1_000)
  }

  async function ticket(): Promise<string | null> {
    try {
      return (await ask(api.POST('/api/feed/tickets'))).ticket
    } catch (refusal) {
      if (refusal instanceof Refusal && (refusal.status === 401 || refusal.status === 403)) return null
      throw refusal
    }
  }

  function begin(): void {
    stop()
    state.value = EMPTY
    news.value = []
    ended.value = null
    const last = () => (state.value.seq < 0 ? null : state.value.seq)
    const stopped = (why: string) => {
      ended.value = why
      if (why === 'signed_out') session.end('revoked')
    }
    feed = new Feed(ticket, last, { message: hear, line: value => (line.value = value), ended: stopped })
    feed.start()
  }

  function stop(): void {
    feed?.stop()
    feed = null
  }

  const second = ref(0)
  setInterval(() => {
    now.value = officeNow()
    second.value += 1
  }, 1_000)
  const ageS = computed(() => {
    void second.value
    return line.value === 'live' || !told.complete ? 0 : Math.round((performance.now() - told.complete) / 1000)
  })
  watch(
    () => session.token,
    token => (token ? begin() : stop()),
    { immediate: true },
  )

  const onEvent = (listen: (event: LiveEvent) => void) => {
    listeners.add(listen)
    return () => listeners.delete(listen)
  }
  const look = (bounds: readonly number[] | null) => feed?.look(bounds)
  return { state, places, now, line, ageS, ended, news, onEvent, pictures, look, begin, stop }
}
