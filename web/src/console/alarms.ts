/** Alarms: which events are one, sound and title for them, muted by kind. One list per window, newest first. */
import { computed, reactive, ref, watch, watchEffect } from 'vue'
import { useLive } from '@/shared/live/store'
import type { LiveEvent } from '@/shared/live/state'
import { callsOf, kindOf, MUTABLE, type AlarmKind } from './alarm-kinds'

export { MUTABLE, type AlarmKind }
export type Alarm = { id: string; kind: AlarmKind; event: LiveEvent; seen: boolean }

const MUTED_KEY = 'rescue.muted'
const KEPT = 100
/** So often a call for help sounds again until somebody answers it. */
const DISTRESS_EVERY_MS = 6_000
/** Two tones, told apart by pitch and number: an alarm must be known without looking. */
const TONES: Record<AlarmKind, number[]> = {
  distress: [1320, 880, 1320, 880, 1320, 880],
  incident: [1175, 784, 1175],
  search: [880, 880, 880],
  critical: [988, 988, 988],
  not_reached: [830, 660, 830],
  clock: [660, 660],
  gap: [520, 660],
  new_case: [740],
  approval: [590],
  campaign: [440, 554, 659],
  referral: [700, 560, 700],
}

function remembered(): AlarmKind[] {
  try {
    return JSON.parse(localStorage.getItem(MUTED_KEY) ?? '[]') as AlarmKind[]
  } catch {
    return []
  }
}

const alarms = ref<Alarm[]>([])
const muted = reactive(new Set<AlarmKind>(remembered()))
const unseen = computed(() => alarms.value.filter(alarm => !alarm.seen && !muted.has(alarm.kind)).length)
let sound: AudioContext | null = null
let lastSound = 0
let following = false

export function useAlarms() {
  if (!following) follow()
  return { alarms, muted, unseen, toggle, seeAll }
}

function follow(): void {
  following = true
  useLive().onEvent(event => {
    const kind = kindOf(event)
    if (!kind) return
    alarms.value = [{ id: event.id, kind, event, seen: false }, ...alarms.value].slice(0, KEPT)
    // A crew in danger is heard whatever sounded a moment ago, at once and again until it is answered.
    if (kind !== 'distress' && !muted.has(kind)) play(TONES[kind])
  })
  const calls = useLive().state
  const unanswered = computed(() =>
    callsOf(calls.value.distress_calls)
      .filter(call => !call.answered_at)
      .map(call => call.id + call.presses)
      .join(),
  )
  watchEffect(cleanUp => {
    if (!unanswered.value) return
    const call = () => play(TONES.distress, true)
    call()
    const timer = setInterval(call, DISTRESS_EVERY_MS)
    cleanUp(() => clearInterval(timer))
  })
  watch(unseen, count => {
    const title = document.title.replace(/^\(\d+\) /, '')
    document.title = count ? `(${count}) ${title}` : title
  })
}

function toggle(kind: AlarmKind): void {
  if (muted.has(kind)) muted.delete(kind)
  else muted.add(kind)
  localStorage.setItem(MUTED_KEY, JSON.stringify([...muted]))
}

function seeAll(): void {
  alarms.value = alarms.value.map(alarm => ({ ...alarm, seen: true }))
}

/** At most one sound in two seconds: many alarms at once are one call for attention. */
function play(tones: number[], inAnyCase = false): void {
  const at = performance.now()
  if (at - lastSound < 2_000 && !inAnyCase) return
  lastSound = at
  // A browser gives no sound before the first key or click; the title and the bell tell all the same.
  if (!navigator.userActivation?.hasBeenActive) return
  sound ??= new AudioContext()
  const context = sound
  tones.forEach((pitch, n) => {
    const tone = context.createOscillator()
    const level = context.createGain()
    const begins = context.currentTime + n * 0.22
    tone.frequency.value = pitch
    level.gain.setValueAtTime(0.0001, begins)
    level.gain.exponentialRampToValueAtTime(0.2, begins + 0.02)
    level.gain.exponentialRampToValueAtTime(0.0001, begins + 0.18)
    tone.connect(level).connect(context.destination)
    tone.start(begins)
    tone.stop(begins + 0.2)
  })
}
