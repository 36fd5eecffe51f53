/** The team's tour as all pages show it: kept on the phone, asked anew when the feed tells of the own team or of a campaign. Begin at `useSweep`. */
import { computed, effectScope, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import type { LiveEvent } from '@/shared/live/state'
import { hearTime } from '../office'
import { store } from '../queue/store'
import { useOfficer } from './live'
import { projectSweep, tickedBy, type KeptSweep, type SweepView } from './sweep'

export type Sweeping = {
  /** Null while nothing is known, or nobody sweeps now: off duty, or with a case. */
  view: ComputedRef<SweepView | null>
  /** Cells that the server ticked by the own track since the app was opened, the newest last. */
  ticked: ShallowRef<readonly string[]>
  /** What stops are called, also after they have left the tour. */
  names: ReadonlyMap<string, string>
  asking: Ref<boolean>
}
const KEY = 'sweep'
const GATHER_MS = 300
const POLL_MS = 60_000
const scope = effectScope(true)
let sweeping: Sweeping | null = null

/** The one tour of this phone; begins with the first caller and follows who is signed in. */
export function useSweep(): Sweeping {
  sweeping ??= scope.run(make)!
  return sweeping
}

function make(): Sweeping {
  const officer = useOfficer()
  const kept = shallowRef<KeptSweep | null>(null)
  const ticked = shallowRef<readonly string[]>([])
  const names = new Map<string, string>()
  const asking = ref(false)
  let gathering = 0
  let again = false
  const sweeps = computed(() => officer.ready.value && officer.view.value.step === 'wait')
  const view = computed(() =>
    sweeps.value ? projectSweep(kept.value, officer.actions.value, session.me?.id ?? '') : null,
  )

  function refresh(): void {
    if (!session.token || !sweeps.value) return
    if (asking.value) again = true
    else if (!gathering) gathering = window.setTimeout(look, GATHER_MS)
  }
  async function look(): Promise<void> {
    gathering = 0
    asking.value = true
    const [account, askedAt] = [session.me?.id ?? '', Date.now()]
    const sweep = await ask(api.GET('/api/officer/sweep')).catch(() => null)
    asking.value = false
    if (sweep && account === session.me?.id) {
      hearTime(sweep.now)
      for (const stop of sweep.tour?.stops ?? []) if (stop.name) names.set(stop.cell, stop.name)
      kept.value = { who: account, askedAt, sweep }
      await store.keep(KEY, kept.value).catch(() => undefined)
    }
    if (again) {
      again = false
      refresh()
    }
  }
  /** Other teams' looks are no news here: a campaign, or what names the own team, is. */
  const concerns = (event: LiveEvent) =>
    event.kind.startsWith('campaign.') ||
    (event.kind.startsWith('sweep.') && event.teams.includes(session.me?.team_id ?? ''))
  officer.onTold(events => {
    if (!events || events.some(concerns)) refresh()
    const cells = (events ?? []).flatMap(event => tickedBy(event, session.me?.team_id ?? null))
    if (cells.length) ticked.value = [...ticked.value, ...cells].slice(-20)
  })

  void store.find<KeptSweep>(KEY).then(found => {
    kept.value ??= found
    for (const stop of found?.sweep.tour?.stops ?? []) if (stop.name) names.set(stop.cell, stop.name)
  })
  watch(
    () => session.token,
    token => {
      if (token) return
      kept.value = null
      ticked.value = []
      void store.kept.delete(KEY)
    },
  )
  watch(sweeps, refresh, { immediate: true })
  // What was said by hand has arrived: the server knows what comes next.
  watch(
    () => officer.actions.value.filter(one => one.kind.startsWith('sweep_') && one.state === 'sent').length,
    refresh,
  )
  setInterval(() => document.visibilityState === 'visible' && refresh(), POLL_MS)
  window.addEventListener('online', refresh)
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && refresh())
  return { view, ticked, names, asking }
}
