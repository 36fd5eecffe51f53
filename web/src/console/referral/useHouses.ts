/** The facilities by id, asked for once: their names stand on no event. A hidden shelter is among them for those who may know of it. */
import { shallowRef, watch, type ShallowRef } from 'vue'
import { api, ask, type Shapes } from '@/shared/api/client'
import { session } from '@/shared/api/session'

export type House = Shapes['Facility']
const houses = shallowRef<ReadonlyMap<string, House>>(new Map())
let following = false

export function useHouses(): { houses: ShallowRef<ReadonlyMap<string, House>> } {
  if (!following) {
    following = true
    watch(
      () => session.token,
      token => (token ? void read() : (houses.value = new Map())),
      { immediate: true },
    )
  }
  return { houses }
}

async function read(): Promise<void> {
  const found = await ask(api.GET('/api/facilities')).catch(() => [])
  houses.value = new Map(found.map(one => [one.id, one]))
}
