/** Which cases the queue shows. Pure. */
import type { Case } from '@/shared/live/state'
import type { Due, Light } from '@/shared/lights'

export type Filter = {
  text: string
  region: string
  stage: string
  channel: string
  danger: string
  light: Light | ''
  alarmed: boolean
}
export const NO_FILTER: Filter = { text: '', region: '', stage: '', channel: '', danger: '', light: '', alarmed: false }

export function fits(line: Due, wanted: Filter, teamName: (id: string) => string): boolean {
  const one = line.case
  if (wanted.region && !one.regions.includes(wanted.region)) return false
  if (wanted.stage && one.stage !== wanted.stage) return false
  if (wanted.channel && one.channel !== wanted.channel) return false
  if (wanted.danger && !one.dangers.includes(wanted.danger as Case['dangers'][number])) return false
  if (wanted.light && line.light !== wanted.light) return false
  if (wanted.alarmed && !one.alarm) return false
  const text = wanted.text.trim().toLowerCase()
  return !text || said(one, teamName).includes(text)
}

const said = (one: Case, teamName: (id: string) => string): string =>
  `${one.number} ${one.address ?? ''} ${one.team_id ? teamName(one.team_id) : ''}`.toLowerCase()

export const isOn = (wanted: Filter): boolean => Object.values(wanted).some(Boolean)
