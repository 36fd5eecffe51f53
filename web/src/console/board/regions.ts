/** Names of regions, asked once: codes are for machines. */
import { shallowRef } from 'vue'
import { api, ask, type Shapes } from '@/shared/api/client'

const regions = shallowRef<readonly Shapes['RegionShown'][]>([])
let asked = false

export function useRegions() {
  if (!asked) {
    asked = true
    ask(api.GET('/api/regions'))
      .then(found => (regions.value = found))
      .catch(() => (asked = false))
  }
  /** The smallest region among the codes, by name. */
  const nameOf = (codes: readonly string[]): string => {
    const named = regions.value
      .filter(region => codes.includes(region.code))
      .sort((a, b) => b.code.length - a.code.length)
    const order = ['community', 'street', 'district', 'city', 'province']
    return named.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))[0]?.name ?? ''
  }
  return { regions, nameOf }
}
