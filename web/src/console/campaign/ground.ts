/**
 * What the control room knows of one campaign's ground, and the only way it changes: `apply(ground, event)`, pure. Begin there.
 *
 * One event changes the cells and tours that it names and nothing else. What no event carries (all cells laid out anew, some
 * thousand rows) is asked for again: `asksAgain`.
 */
import type { LiveEvent } from '@/shared/live/state'
import type { Cell, Tour } from './shapes'

export type Ground = {
  campaignId: string
  cells: ReadonlyMap<string, Cell>
  /** The current tour of each team. */
  tours: ReadonlyMap<string, Tour>
}
export type Standing = 'covered' | 'due' | 'overdue' | 'leased' | 'dropped'
export const STANDINGS: readonly Standing[] = ['covered', 'leased', 'due', 'overdue', 'dropped']
type Row = Record<string, unknown>

export function groundOf(campaignId: string, told: { cells: readonly Cell[]; tours: readonly Tour[] }): Ground {
  return {
    campaignId,
    cells: new Map(told.cells.map(one => [one.cell, one])),
    tours: new Map(told.tours.filter(one => one.state === 'current').map(one => [one.team_id, one])),
  }
}

/** The ground after the event; the very same object when the event is about something else. */
export function apply(ground: Ground, event: LiveEvent): Ground {
  const rows = event.data.rows ?? {}
  const mine = (name: string): Row[] => (rows[name] ?? []).filter(row => isOf(row, ground, event))
  const cells = withCells(ground.cells, mine('sweep_cells'))
  const tours = withTours(ground.tours, mine('sweep_tours'))
  return cells === ground.cells && tours === ground.tours ? ground : { ...ground, cells, tours }
}

/** A row names its campaign; one that does not is of the campaign that the event is about. */
const isOf = (row: Row, ground: Ground, event: LiveEvent): boolean =>
  (row.campaign_id ?? event.data.campaign_id) === ground.campaignId

function withCells(cells: Ground['cells'], rows: Row[]): Ground['cells'] {
  if (!rows.length) return cells
  const after = new Map(cells)
  for (const row of rows) {
    const known = after.get(String(row.cell))
    // A row of a cell that was never asked for may be a part of it: `asksAgain` says so.
    if (known) after.set(known.cell, { ...known, ...row } as Cell)
  }
  return after
}

function withTours(tours: Ground['tours'], rows: Row[]): Ground['tours'] {
  if (!rows.length) return tours
  const after = new Map(tours)
  const ofId = new Map([...tours.values()].map(one => [one.id, one]))
  // What ends goes before what begins: both may be of one team, in either order.
  for (const row of rows) {
    const known = ofId.get(String(row.id))
    if (known && row.state !== undefined && row.state !== 'current') after.delete(known.team_id)
  }
  for (const row of rows) {
    const tour = { ...ofId.get(String(row.id)), ...row } as Tour
    if (tour.state === 'current' && tour.team_id) after.set(tour.team_id, tour)
  }
  return after
}

/** Whether only asking again tells what this event did: cells that are new here, or that came with too much to tell. */
export function asksAgain(ground: Ground, event: LiveEvent): boolean {
  const rows = event.data.rows ?? {}
  if (event.kind === 'sweep.laid_out') return String(event.data.campaign_id ?? ground.campaignId) === ground.campaignId
  return (rows.sweep_cells ?? []).some(row => isOf(row, ground, event) && !ground.cells.has(String(row.cell)))
}

/** How a cell stands at `now` (ms). A lease that ran out holds nothing; a look whose time is over counts no more. */
export function standing(cell: Cell, now: number): Standing {
  if (cell.state === 'dropped') return 'dropped'
  if (cell.state === 'leased' && isAfter(cell.leased_until, now)) return 'leased'
  if (cell.due_at && !isAfter(cell.due_at, now)) return 'overdue'
  return cell.state === 'covered' || (cell.state === 'leased' && cell.looked_at) ? 'covered' : 'due'
}
const isAfter = (at: string | null, now: number): boolean => !!at && Date.parse(at) > now

export type Counted = Record<Standing, number> & { cells: number; share: number | null }

/** How many cells stand how; share: of those not dropped, those looked at and not overdue, as the server counts it (coverage.py). Null without any. */
export function count(cells: Iterable<Cell>, now: number): Counted {
  const counted: Counted = { cells: 0, covered: 0, due: 0, overdue: 0, leased: 0, dropped: 0, share: null }
  let looked = 0
  for (const cell of cells) {
    const stands = standing(cell, now)
    counted.cells += 1
    counted[stands] += 1
    if (cell.looked_at && stands !== 'dropped' && isAfter(cell.due_at, now)) looked += 1
  }
  const wanted = counted.cells - counted.dropped
  return { ...counted, share: wanted ? looked / wanted : null }
}

/** The stops of a tour that are still before the team: not looked at since it was planned, and not dropped (backend/campaign/looked.py). */
export const stopsLeft = (ground: Ground, tour: Tour): Cell[] =>
  tour.cells
    .map(cell => ground.cells.get(cell))
    .filter(
      (cell): cell is Cell =>
        !!cell && cell.state !== 'dropped' && !isAfter(cell.looked_at, Date.parse(tour.planned_at)),
    )

/** What a team has before it. at: the cell it is in, or goes to next. minutes: to all that is left. */
export type Progress = {
  tour: Tour | null
  at: Cell | null
  isThere: boolean
  left: number
  done: number
  minutes: number
}

export function progressOf(ground: Ground, teamId: string): Progress {
  const tour = ground.tours.get(teamId) ?? null
  const open = tour ? stopsLeft(ground, tour) : []
  const here = [...ground.cells.values()].find(cell => cell.state === 'leased' && cell.team_id === teamId)
  const minutes = open.reduce((sum, cell) => sum + (tour!.minutes[tour!.cells.indexOf(cell.cell)] ?? 0), 0)
  const done = (tour?.cells.length ?? 0) - open.length
  return { tour, at: here ?? open[0] ?? null, isThere: !!here, left: open.length, done, minutes }
}
