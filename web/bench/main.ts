/**
 * `rescue bench map`: how long a frame takes while all teams move and somebody moves the map. `?mode=ours` draws through the
 * console's own code from what the live feed tells; `?mode=bare` gives MapLibre the same points, ready made.
 */
import '@/console/theme.css'
import 'maplibre-gl/dist/maplibre-gl.css'
import { Map as GlMap, setWorkerUrl } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import { createApp, defineComponent, h, ref, shallowRef } from 'vue'
import { cityOnMap } from '@/shared/map/city'
import { casePoints, teamPoints, type Points } from '@/console/map/features'
import LiveMap from '@/console/map/LiveMap.vue'
import { addOverlays, fill, LAYERS, show } from '@/console/map/overlays'
import { baseStyle } from '@/shared/map/style'
import { i18n } from '@/console/words'
import { busyOf } from '@/shared/live/doing'
import { Places } from '@/shared/live/places'
import { queue } from '@/shared/lights'
import { moving, townOf } from './town'

type Measured = { frames: number; frames_ms: number[] }
declare global {
  interface Window {
    measure: (seconds: number) => Promise<Measured>
    isReady: boolean
  }
}

const asked = new URLSearchParams(location.search)
const [teams, cases] = [Number(asked.get('teams')), Number(asked.get('cases'))]
const READY_MADE = 8
const CENTRE: [number, number] = [121.6, 38.91]
const ZOOM = 12.2
const start = Date.parse('2016-09-19T22:00:00+08:00')
const told = moving(teams, start)
const SHOWN = ['cases', 'teams']
localStorage.setItem('rescue.layers', JSON.stringify(SHOWN))

async function ours(): Promise<{ map: GlMap; tick: () => void }> {
  const state = shallowRef(townOf(teams, cases, start))
  const now = ref(start)
  const places = new Places()
  const drawn = ref<InstanceType<typeof LiveMap>>()
  const Board = defineComponent({
    setup: () => () =>
      h('div', { class: 'all' }, [
        h(LiveMap, {
          ref: drawn,
          state: state.value,
          places,
          now: now.value,
          lines: queue(state.value, now.value),
          live: false,
        }),
      ]),
  })
  createApp(Board).use(i18n).mount('#app')
  const map = await until(() => drawn.value?.map as GlMap | null | undefined)
  const tick = () => {
    // As the store does it: a frame of positions, the clock a second on, and a case that changes.
    places.move({ type: 'positions', teams: told.next().value as unknown[] })
    now.value += 1000
    const id = `case-${Math.round(now.value / 1000) % cases}`
    const one = state.value.cases.get(id)!
    state.value = { ...state.value, cases: new Map(state.value.cases).set(id, { ...one, version: 2 }) }
  }
  return { map, tick }
}

async function bare(): Promise<{ map: GlMap; tick: () => void }> {
  setWorkerUrl(workerUrl)
  const container = document.getElementById('app')!
  const map = new GlMap({ container, style: baseStyle(await cityOnMap()), center: CENTRE, zoom: ZOOM, fadeDuration: 0 })
  await new Promise<void>(done => map.once('style.load', () => done()))
  addOverlays(map)
  for (const name of LAYERS) show(map, name, SHOWN.includes(name))
  const state = townOf(teams, cases, start)
  const word = (_: string, code: string) => code.slice(0, 1)
  const ready: Points[] = Array.from({ length: READY_MADE }, () => {
    const places = new Places()
    places.move({ type: 'positions', teams: told.next().value as unknown[] })
    return teamPoints(state, places.of, busyOf(state), start)
  })
  const points = casePoints(queue(state, start), word)
  let second = 0
  const tick = () => {
    fill(map, 'teams', ready[second++ % READY_MADE])
    fill(map, 'cases', points)
  }
  return { map, tick }
}

async function until<T>(get: () => T | null | undefined): Promise<T> {
  for (;;) {
    const found = get()
    if (found) return found
    await new Promise(done => setTimeout(done, 20))
  }
}

const { map, tick } = await (asked.get('mode') === 'bare' ? bare() : ours())
map.jumpTo({ center: CENTRE, zoom: ZOOM })
tick()
await new Promise<void>(done => map.once('idle', () => done()))
window.isReady = true

/** For so long all teams move once a second and the map is moved in a circle; how long each frame took (ms). */
window.measure = seconds =>
  new Promise(done => {
    const frames: number[] = []
    const timer = setInterval(tick, 1000)
    const began = performance.now()
    let last = began
    const frame = (at: number) => {
      frames.push(at - last)
      last = at
      const turn = ((at - began) / 8_000) * 2 * Math.PI
      map.jumpTo({ center: [CENTRE[0] + 0.01 * Math.cos(turn), CENTRE[1] + 0.008 * Math.sin(turn)] })
      if (at - began < seconds * 1000) return void requestAnimationFrame(frame)
      clearInterval(timer)
      done({ frames: frames.length, frames_ms: frames.slice(1) })
    }
    requestAnimationFrame(frame)
  })
