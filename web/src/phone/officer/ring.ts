/** The sound of an offer: rings and shakes until it is answered. A browser lets it sound only after the first tap on the page. */
import { onScopeDispose, ref, watch, type Ref } from 'vue'

const KEY = 'rescue.phone.muted'
export const muted = ref(localStorage.getItem(KEY) === 'yes')
watch(muted, now => localStorage.setItem(KEY, now ? 'yes' : 'no'))
const EVERY_MS = 1_600
let sound: AudioContext | null = null

/** At every first tap: from then on the phone may ring. */
export function unlock(): void {
  const Made =
    window.AudioContext ?? (window as unknown as { webkitAudioContext?: typeof AudioContext }).webkitAudioContext
  if (!Made) return
  sound ??= new Made()
  if (sound.state === 'suspended') void sound.resume()
}

function ringOnce(urgent: boolean): void {
  navigator.vibrate?.(urgent ? [300, 100, 300, 100, 300] : [300, 150, 300])
  if (!sound || sound.state !== 'running') return
  const pitches = urgent ? [988, 1319, 988, 1319] : [784, 1047]
  pitches.forEach((pitch, n) => {
    const [from, tone, loud] = [sound!.currentTime + n * 0.22, sound!.createOscillator(), sound!.createGain()]
    tone.frequency.value = pitch
    loud.gain.setValueAtTime(0.0001, from)
    loud.gain.exponentialRampToValueAtTime(0.5, from + 0.02)
    loud.gain.exponentialRampToValueAtTime(0.0001, from + 0.2)
    tone.connect(loud).connect(sound!.destination)
    tone.start(from)
    tone.stop(from + 0.21)
  })
}

/** Rings as long as there is something to ring for: its id, and whether it is urgent. */
export function ringFor(what: Ref<{ id: string; urgent: boolean } | null>): void {
  let timer = 0
  watch(
    () => (muted.value ? null : what.value?.id),
    id => {
      clearInterval(timer)
      if (!id) return navigator.vibrate?.(0)
      ringOnce(!!what.value?.urgent)
      timer = window.setInterval(() => ringOnce(!!what.value?.urgent), EVERY_MS)
    },
    { immediate: true },
  )
  onScopeDispose(() => clearInterval(timer))
  document.addEventListener('pointerdown', unlock, { passive: true })
  document.addEventListener('keydown', unlock, { passive: true })
}
