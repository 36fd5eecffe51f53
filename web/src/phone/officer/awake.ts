/** Keeps the screen on while there is a case, where the phone can. */
import { onScopeDispose, watch, type Ref } from 'vue'

export function keepAwake(wanted: Ref<boolean>): void {
  let lock: WakeLockSentinel | null = null
  const look = async () => {
    if (!('wakeLock' in navigator)) return
    if (wanted.value && document.visibilityState === 'visible') {
      if (!lock || lock.released) lock = await navigator.wakeLock.request('screen').catch(() => null)
    } else if (lock) {
      await lock.release().catch(() => undefined)
      lock = null
    }
  }
  watch(wanted, look, { immediate: true })
  document.addEventListener('visibilitychange', look)
  onScopeDispose(() => {
    document.removeEventListener('visibilitychange', look)
    void lock?.release().catch(() => undefined)
  })
}
