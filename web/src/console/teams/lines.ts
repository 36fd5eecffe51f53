/** A team as one line of the desk: what it does, since when, until when, how old its fix is. Pure. */
import { busyOf, doing, freeAt, type Doing } from '@/shared/live/doing'
import type { Place } from '@/shared/live/places'
import type { State, Team } from '@/shared/live/state'

export type TeamLine = {
  team: Team
  doing: Doing
  caseId: string | null
  freeAt: number | null
  fixAgeS: number | null
  sinceS: number
  shiftLeftS: number | null
}
export type TeamFilter = { text: string; doing: Doing | '' }

const ORDER: Record<Doing, number> = { handling: 0, driving: 1, asked: 2, free: 3, resting: 4, off_duty: 5 }

export function teamLines(state: State, places: ReadonlyMap<string, Place>, now: number): TeamLine[] {
  const busy = busyOf(state)
  const lines: TeamLine[] = []
  for (const team of state.teams.values()) {
    if (team.active === false) continue
    const place = places.get(team.id)
    lines.push({
      team,
      doing: doing(team, busy),
      caseId: busy.get(team.id)?.caseId ?? null,
      freeAt: freeAt(state, team, busy, now),
      fixAgeS: place && team.state !== 'off_duty' ? Math.max(0, (now - place.at) / 1000) : null,
      sinceS: Math.max(0, (now - Date.parse(team.state_since)) / 1000),
      shiftLeftS: team.shift_ends_at ? (Date.parse(team.shift_ends_at) - now) / 1000 : null,
    })
  }
  return lines.sort((a, b) => ORDER[a.doing] - ORDER[b.doing] || a.team.code.localeCompare(b.team.code))
}

export function fitsTeam(line: TeamLine, wanted: TeamFilter, skill: (code: string) => string): boolean {
  if (wanted.doing && line.doing !== wanted.doing) return false
  const text = wanted.text.trim().toLowerCase()
  return (
    !text ||
    [line.team.name, line.team.code, ...line.team.skills.map(skill)].some(part => part.toLowerCase().includes(text))
  )
}

/** 12 min, 1:05 h … short enough for a column. */
export function age(seconds: number, both: (zh: string, en: string) => string): string {
  if (seconds < 90) return both(`${Math.round(seconds)} 秒`, `${Math.round(seconds)} s`)
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return both(`${minutes} 分`, `${minutes} min`)
  return both(
    `${Math.floor(minutes / 60)} 小时 ${minutes % 60} 分`,
    `${Math.floor(minutes / 60)} h ${minutes % 60} min`,
  )
}
