/**
 * Plays the past: a whole board at a moment, then events and positions forward by the office's clock. It changes its state by
 * the very `apply` of the live picture, and asks the server for a page whenever what is left runs short.
 */
import { computed, onUnmounted, ref, shallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { Places, type Moves } from '@/shared/live/places'
import { apply, begin, EMPTY, type LiveEvent, type State } from '@/shared/live/state'

export const SPEEDS = [1, 2, 5, 10, 30, 60] as const
const PAGE = 400
const REFILL_BELOW = 60
const WAYS_MS = 5 * 60_000
const TICK_MS = 100
const TOLD_KEPT = 300
type Step = { at: number; teamId: string; lon: number; lat: number; heading: number | null }

/** Positions as points in time, oldest first. Pure. */
export function stepsOf(ways: { start: string; teams: { team_id: string; points: unknown[] }[] }): Step[] {
  const start = Date.parse(ways.start)
  const steps: Step[] = []
  for (const way of ways.teams) {
    for (const point of way.points as unknown as [number, number, number, number | null][])
      steps.push({ at: start + point[0] * 1000, teamId: way.team_id, lon: point[1], lat: point[2], heading: point[3] })
  }
  return steps.sort((a, b) => a.at - b.at)
}

export function usePlayer(now: () => number) {
  const state = shallowRef<State>(EMPTY)
  const places = new Places()
  const at = ref(0)
  const playing = ref(false)
  const speed = ref<number>(10)
  const loading = ref(false)
  const trouble = shallowRef<unknown>(null)
  const told = shallowRef<readonly LiveEvent[]>([])
  const reachedNow = ref(false)
  let coming: LiveEvent[] = []
  let asked = 0
  let more = true
  let steps: Step[] = []
  let stepsUntil = 0
  let fetchingEvents: Promise<void> | null = null
  let fetchingWays: Promise<void> | null = null
  let turn = 0

  /** Shows the board of a moment (ms); what is played afterwards begins there. */
  async function load(moment: number): Promise<void> {
    const mine = (turn += 1)
    loading.value = true
    trouble.value = null
    try {
      const query = { at: new Date(Math.min(moment, now())).toISOString() }
      const then = await ask(api.GET('/api/replay/board', { params: { query } }))
      if (mine !== turn) return
      state.value = begin(then.seq, then.board)
      places.begin(state.value.teams.values())
      at.value = Date.parse(then.at)
      coming = []
      told.value = []
      asked = then.seq
      more = true
      steps = []
      stepsUntil = at.value
      reachedNow.value = false
      await fetchEvents()
    } catch (fault) {
      if (mine === turn) trouble.value = fault
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  function fetchEvents(): Promise<void> {
    const mine = turn
    fetchingEvents ??= (async () => {
      try {
        const page = await ask(api.GET('/api/events', { params: { query: { after: asked, limit: PAGE } } }))
        if (mine !== turn) return
        coming = [...coming, ...(page.events as unknown as LiveEvent[])]
        more = page.next !== null
        asked = page.next ?? asked
      } catch (fault) {
        trouble.value = fault
        playing.value = false
      } finally {
        fetchingEvents = null
      }
    })()
    return fetchingEvents
  }

  function fetchWays(): void {
    const mine = turn
    const since = stepsUntil
    const until = Math.min(since + WAYS_MS, now())
    if (fetchingWays || until <= since) return
    const query = { since: new Date(since).toISOString(), until: new Date(until).toISOString(), step_s: 10 }
    fetchingWays = ask(api.GET('/api/replay/positions', { params: { query } }))
      .then(ways => {
        if (mine !== turn) return
        steps = [...steps, ...stepsOf(ways)]
        stepsUntil = until
      })
      .catch(() => void (stepsUntil = until))
      .finally(() => void (fetchingWays = null))
  }

  function lay(event: LiveEvent): void {
    state.value = apply(state.value, { type: 'event', ...event })
    if (event.data.state === 'off_duty') places.forget(String(event.data.team_id))
    told.value = [...told.value, event].slice(-TOLD_KEPT)
  }

  /** Everything up to a moment, of what has been fetched. */
  function advance(to: number): void {
    while (coming.length && Date.parse(coming[0]!.recorded_at) <= to) lay(coming.shift()!)
    const upTo = steps.findIndex(step => step.at > to)
    const due = upTo < 0 ? steps.splice(0) : steps.splice(0, upTo)
    const on = state.value.teams
    const moved = due.filter(step => on.get(step.teamId)?.state !== 'off_duty')
    const teams = moved.map(step => [step.teamId, step.at, step.lon, step.lat, step.heading])
    if (teams.length) places.move({ type: 'positions', teams } as Moves)
    at.value = to
  }

  function tick(): void {
    if (!playing.value || loading.value) return
    if (more && coming.length < REFILL_BELOW) void fetchEvents()
    if (stepsUntil < at.value + 60_000 * Math.max(1, speed.value / 20)) fetchWays()
    // Never past what has been fetched: a gap would be a lie.
    const limit = coming.length && more ? Date.parse(coming.at(-1)!.recorded_at) : more ? at.value : now()
    const to = Math.min(at.value + TICK_MS * speed.value, Math.max(limit, at.value), now())
    advance(to)
    reachedNow.value = to >= now() - 1_000
    if (reachedNow.value) playing.value = false
  }

  /** To the next event, and no farther. */
  async function next(): Promise<LiveEvent | null> {
    playing.value = false
    while (!coming.length && more) await fetchEvents()
    const event = coming[0]
    if (!event) {
      reachedNow.value = true
      return null
    }
    advance(Date.parse(event.recorded_at))
    return event
  }

  function toggle(): void {
    playing.value = !playing.value && !reachedNow.value && state.value.seq >= 0
  }
  function faster(by: 1 | -1): void {
    const place = SPEEDS.indexOf(speed.value as (typeof SPEEDS)[number])
    speed.value = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, place + by))]!
  }

  const timer = setInterval(tick, TICK_MS)
  onUnmounted(() => clearInterval(timer))
  const behindS = computed(() => Math.max(0, Math.round((now() - at.value) / 1000)))
  return { state, places, at, playing, speed, loading, trouble, told, reachedNow, behindS, load, next, toggle, faster }
}
