/**
 * The incidents that are open, as this window knows them: asked for at sign-in and whenever one changes, which is rare and a short
 * list (I11). One list for the strip and the bell. Empty for those who may not see them. Begin at `useIncidents`.
 */
import { effectScope, shallowRef, watch, type ShallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { useLive } from '@/shared/live/store'
import { oneAtATime } from '../parts/looking'
import type { Incident } from './pressing'
import { mayRead } from './rights'

export type Incidents = { open: ShallowRef<readonly Incident[]>; look: () => void }
const scope = effectScope(true)
let incidents: Incidents | null = null

export function useIncidents(): Incidents {
  incidents ??= scope.run(make)!
  return incidents
}

function make(): Incidents {
  const open = shallowRef<readonly Incident[]>([])
  const { onEvent, pictures } = useLive()
  const look = oneAtATime(async () => {
    const token = session.token
    if (!token || !mayRead(session.roles)) return
    const query = { open_only: true }
    const found = await ask(api.GET('/api/incidents', { params: { query } })).catch(() => null)
    if (found && token === session.token) open.value = found
  })
  onEvent(event => event.kind.startsWith('incident.') && look())
  watch(
    [() => session.token, pictures],
    ([token], [before]) => {
      if (token !== before) open.value = []
      if (token) look()
    },
    { immediate: true },
  )
  return { open, look }
}
