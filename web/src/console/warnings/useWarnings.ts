/** The warnings of weather services, asked again when an event tells of one. Empty for those who may not see them. */
import { onMounted, onUnmounted, shallowRef, type ShallowRef } from 'vue'
import { api, ask, type Shapes } from '@/shared/api/client'
import { useLive } from '@/shared/live/store'

export type Warning = Shapes['WarningKept']
const SOON_MS = 150

export function useWarnings(query: { live: boolean }): ShallowRef<readonly Warning[]> {
  const found = shallowRef<readonly Warning[]>([])
  const { onEvent } = useLive()
  let later = 0
  async function look(): Promise<void> {
    found.value = await ask(api.GET('/api/warnings', { params: { query } })).catch(() => found.value)
  }
  onUnmounted(
    onEvent(event => {
      if (!event.kind.startsWith('warning.')) return
      clearTimeout(later)
      later = window.setTimeout(() => void look(), SOON_MS)
    }),
  )
  onUnmounted(() => clearTimeout(later))
  onMounted(look)
  return found
}
