/** Where somebody who goes home lives from now on, for the visits that follow. Pure. */
import type { Shapes } from '@/shared/api/client'

export type TypedHome = Required<Pick<Shapes['HomeNow'], 'street' | 'address' | 'contact' | 'phone' | 'note'>> & {
  region: string
}

/** What is known of their family already stands there. */
export const emptyHome = (who: Shapes['Identity'] | null): TypedHome => ({
  region: '',
  street: '',
  address: who?.home ?? '',
  contact: who?.kin ?? '',
  phone: who?.kin_phone ?? '',
  note: '',
})

/** null where nothing was said of it. */
export function homeOf(typed: TypedHome): Shapes['HomeNow'] | null {
  const said = Object.fromEntries(Object.entries(typed).map(([name, value]) => [name, value.trim()])) as TypedHome
  return Object.values(said).some(Boolean) ? { ...said, region: said.region || null } : null
}
