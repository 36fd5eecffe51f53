/** What the map needs to know of the city, asked once. */
import { api, ask } from '@/shared/api/client'
import type { CityOnMap } from './style'

let asked: Promise<CityOnMap> | null = null

export function cityOnMap(): Promise<CityOnMap> {
  asked ??= ask(api.GET('/api/map')).then(city => city as unknown as CityOnMap)
  asked.catch(() => (asked = null))
  return asked
}
