/** What an event says beyond its kind, in one line. Pure. */
import type { LiveEvent, State } from '@/shared/live/state'

type Word = (group: string, code: string | null | undefined) => string

export function detail(event: LiveEvent, state: State, word: Word, both: (zh: string, en: string) => string): string {
  const told = event.data as Record<string, unknown>
  const team = (id: unknown) => state.teams.get(String(id))?.name ?? ''
  const parts: string[] = []
  const offer = event.data.rows?.offers?.[0]
  const teamId = told.team_id ?? offer?.team_id ?? told.taken_from
  if (teamId && team(teamId)) parts.push(team(teamId))
  if (typeof told.eta_s === 'number')
    parts.push(both(`约 ${Math.ceil(told.eta_s / 60)} 分钟`, `about ${Math.ceil(told.eta_s / 60)} min`))
  if (typeof told.alarm === 'string') parts.push(word('alarm', told.alarm))
  if (typeof told.outcome === 'string') parts.push(word('outcome', told.outcome))
  if (typeof told.action === 'string') parts.push(word('approval', told.action))
  if (typeof told.clock === 'string') parts.push(word('clock', told.clock))
  if (typeof told.kind === 'string') parts.push(word('clock', told.kind))
  if (typeof told.rule === 'string') parts.push(both('按规则', 'by rule'))
  if (typeof told.channel === 'string') parts.push(word('channel', told.channel))
  if (typeof told.distance_m === 'number')
    parts.push(both(`距案卷 ${Math.round(told.distance_m)} 米`, `${Math.round(told.distance_m)} m from the case`))
  return parts.filter(Boolean).join(' · ')
}
