/** A team's way to a case, by road, were it to leave now. */
import { api, ask, type Shapes } from '@/shared/api/client'
import type { Route } from '../map/LiveMap.vue'

/** zh, en: the way in words. */
export type Way = Shapes['RouteShown'] & { route: Route | null }

export async function routeOf(caseId: string, teamId: string): Promise<Way> {
  const found = await ask(
    api.GET('/api/cases/{case_id}/routes/{team_id}', { params: { path: { case_id: caseId, team_id: teamId } } }),
  )
  return { ...found, route: found.line ? { coordinates: found.line.coordinates } : null } as Way
}
