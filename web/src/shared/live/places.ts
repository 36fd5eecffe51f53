/** Where teams are: the newest fix of each, told about once a second. Not reactive: thousands move, and only the map looks. */
import type { Team } from './state'

export type Place = { lon: number; lat: number; at: number; headingDeg: number | null }
export type Moves = { type: 'positions'; teams: unknown[] }
type Told = [teamId: string, atMs: number, lon: number, lat: number, headingDeg: number | null]

export class Places {
  readonly of = new Map<string, Place>()
  private readonly listeners = new Set<() => void>()

  /** From a fresh picture: what it knows replaces everything. */
  begin(teams: Iterable<Team>): void {
    this.of.clear()
    for (const team of teams) {
      if (team.lon === null || team.lat === null || team.fix_at === null) continue
      this.put(team.id, { lon: team.lon, lat: team.lat, at: Date.parse(team.fix_at), headingDeg: team.heading_deg })
    }
    this.tell()
  }

  /** A frame of the feed. A newer fix wins whatever order they come in. */
  move(message: Moves): void {
    for (const [teamId, at, lon, lat, headingDeg] of message.teams as Told[])
      this.put(teamId, { lon, lat, at, headingDeg })
    this.tell()
  }

  forget(teamId: string): void {
    this.of.delete(teamId)
  }

  /** Calls `hear` after every frame; the answer stops it. */
  onMove(hear: () => void): () => void {
    this.listeners.add(hear)
    return () => this.listeners.delete(hear)
  }

  tell(): void {
    for (const hear of this.listeners) hear()
  }

  private put(teamId: string, place: Place): void {
    const known = this.of.get(teamId)
    if (!known || known.at <= place.at) this.of.set(teamId, place)
  }
}
