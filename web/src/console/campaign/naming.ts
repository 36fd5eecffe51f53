/** How campaigns, cells and plans are called, in words. */
import { useRegions } from '../board/regions'
import { signOf } from '../parts/hazard'
import { useSay } from '../parts/say'
import type { Campaign, Cell, Plan } from './shapes'

export function useNaming() {
  const { t, word } = useSay()
  const { regions } = useRegions()

  const colourOf = (one: { colour: string | null }) =>
    one.colour ? word('colour', one.colour) : t('campaign.noColour')
  /** ▲ 寒潮 橙色: sign and words, so that no colour is needed to know it. */
  const what = (one: { hazard: string; colour: string | null }) =>
    `${signOf(one.colour)} ${word('hazard', one.hazard)} ${colourOf(one)}`
  const where = (one: Pick<Campaign, 'regions' | 'is_drawn'>): string => {
    const known = one.regions.map(code => regions.value.find(region => region.code === code))
    const whole = known.some(region => !region || region.level === 'city')
    const names = whole ? t('campaign.whole') : known.map(region => region!.name).join(t('campaign.and'))
    return one.is_drawn ? `${names}（${t('campaign.drawn')}）` : names
  }
  const hours = (seconds: number) => t('campaign.hours', { n: +(seconds / 3600).toFixed(1) })
  const supplies = (of: Record<string, number>) =>
    Object.entries(of)
      .map(([code, count]) => `${word('supply', code)} ${count}`)
      .join(t('campaign.and'))
  /** A plan, a line for each thing that it asks for. */
  const planWords = (plan: Plan): string[] => [
    t('campaign.every', { span: hours(plan.sweep_every_s) }),
    t(`campaign.cover.${plan.cover}`, { n: plan.cells }),
    t('campaign.planTeams', { n: plan.teams }),
    ...(plan.call_in ? [t('campaign.planCall', { n: plan.call_in })] : []),
    ...(plan.points.length ? [t('campaign.planPoints', { n: plan.points.length })] : []),
    ...(Object.keys(plan.supplies).length ? [t('campaign.planSupplies', { what: supplies(plan.supplies) })] : []),
    ...(plan.tell.length
      ? [t('campaign.planTell', { who: plan.tell.map(role => word('role', role)).join(t('campaign.and')) })]
      : []),
  ]
  /** A stay point by its name; other cells by the part of their code in which neighbours differ. */
  const cellName = (cell: Pick<Cell, 'cell' | 'name'>) =>
    cell.name ?? t('campaign.cell.of', { code: cell.cell.replace(/f+$/, '').slice(-5) })
  return { what, where, colourOf, planWords, cellName }
}
