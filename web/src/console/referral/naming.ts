/** How the control room says a referral: to whom, from whom, who has been told. */
import type { Referral } from '@/shared/live/state'
import { useLive } from '@/shared/live/store'
import { useSay } from '../parts/say'
import { CHAIN } from './standing'
import { useHouses } from './useHouses'

export function useNaming() {
  const { t, word, both } = useSay()
  const { houses } = useHouses()
  const { state } = useLive()
  const house = (id: string | null) => (id ? houses.value.get(id)?.name : undefined)
  const to = (one: Referral): string => house(one.to_facility) ?? word('referral.to', one.to_kind)
  const from = (one: Referral): string =>
    house(one.from_facility) ??
    (one.from_team ? state.value.teams.get(one.from_team)?.name : undefined) ??
    word('referral.from', one.from_kind)
  /** Who was told last of an unanswered one. */
  const told = (one: Referral): string => {
    const who = CHAIN[one.level - 1]
    return who ? t(`referral.chain.${who}`) : ''
  }
  return { t, word, both, to, from, told, houses }
}
