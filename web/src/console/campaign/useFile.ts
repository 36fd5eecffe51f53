/** All of one campaign, asked again when an event is about it: it is small, and carries no cells. */
import { onUnmounted, shallowRef, watch, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { useLive } from '@/shared/live/store'
import { oneAtATime } from '../parts/looking'
import { useAsking } from '../parts/say'
import type { CampaignFile } from './shapes'

const SOON_MS = 150

export function useFile(id: () => string | null): {
  file: ShallowRef<CampaignFile | null>
  refused: ReturnType<typeof useAsking>['refused']
} {
  const file = shallowRef<CampaignFile | null>(null)
  const { onEvent, pictures } = useLive()
  const { refused, run } = useAsking()
  let later = 0
  const look = oneAtATime(async () => {
    const wanted = id()
    if (!wanted) return
    const path = { params: { path: { campaign_id: wanted } } }
    const told = await run(() => ask(api.GET('/api/campaigns/{campaign_id}', path)))
    if (told && wanted === id()) file.value = told
  })
  const soon = () => {
    clearTimeout(later)
    later = window.setTimeout(look, SOON_MS)
  }
  const deaf = onEvent(event => {
    if (event.kind.startsWith('campaign.') && event.data.campaign_id === id()) soon()
  })
  watch(id, () => {
    file.value = null
    refused.value = null
    look()
  }, { immediate: true }) // prettier-ignore
  watch(pictures, soon)
  onUnmounted(() => {
    clearTimeout(later)
    deaf()
  })
  return { file, refused }
}
