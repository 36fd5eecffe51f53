/**
 * What a screen knows of the city, and the only way it changes: `apply(state, message)`, pure. Begin at `apply`.
 *
 * Rows come from the feed's snapshot and from what every event says it changed (docs/live-feed.md). Positions are no
 * events: they are kept apart (places.ts). The same rules are tested against what the server's own property test wrote.
 */
import type { Shapes } from '@/shared/api/client'

export type Case = Shapes['Case']
export type Offer = Shapes['Offer']
export type Clock = Shapes['ClockRow']
export type Team = Shapes['TeamShown']
export type Approval = Shapes['Approval']
export type DistressCall = Shapes['DistressShown']
export type Referral = Shapes['ReferralOnBoard']
export type Snapshot = Shapes['Board']
export type Stage = Case['stage']
type Row = Record<string, unknown>

export type LiveEvent = {
  seq: number
  id: string
  kind: string
  case_id: string | null
  case_version: number | null
  regions: string[]
  teams: string[]
  actor: { id: string; name?: string; kind: string; roles: string[]; team_id: string | null }
  occurred_at: string
  recorded_at: string
  data: { rows?: Record<string, Row[]> } & Row
}
export type Message =
  | { type: 'snapshot'; seq: number; board: Snapshot }
  | { type: 'events'; seq: number; events: LiveEvent[] }
  | ({ type: 'event' } & LiveEvent)
  | { type: 'pulse'; seq: number; now: string }
  | { type: 'addresses'; of: Record<string, string | null> }

/** seq: the highest number this is the picture of; -1: nothing is known yet. Tables by key. */
export type State = {
  seq: number
  cases: ReadonlyMap<string, Case>
  offers: ReadonlyMap<string, Offer>
  clocks: ReadonlyMap<string, Clock>
  teams: ReadonlyMap<string, Team>
  approvals: ReadonlyMap<string, Approval>
  distress_calls: ReadonlyMap<string, DistressCall>
  referrals: ReadonlyMap<string, Referral>
}

const KEYS = {
  cases: (row: Row) => String(row.id),
  offers: (row: Row) => String(row.id),
  clocks: (row: Row) => `${row.case_id}/${row.kind}`,
  teams: (row: Row) => String(row.id),
  approvals: (row: Row) => String(row.id),
  distress_calls: (row: Row) => String(row.id),
  referrals: (row: Row) => String(row.id),
} as const
type Table = keyof typeof KEYS
const TABLES = Object.keys(KEYS) as Table[]

export const EMPTY: State = {
  seq: -1,
  cases: new Map(),
  offers: new Map(),
  clocks: new Map(),
  teams: new Map(),
  approvals: new Map(),
  distress_calls: new Map(),
  referrals: new Map(),
}

/** The state after the message. Numbers that it already has are ignored, so that telling twice is telling once. */
export function apply(state: State, message: Message): State {
  switch (message.type) {
    case 'snapshot':
      return begin(message.seq, message.board)
    case 'events':
      return { ...message.events.reduce(change, state), seq: Math.max(state.seq, message.seq) }
    case 'event':
      return change(state, message)
    case 'pulse':
      return message.seq > state.seq ? { ...state, seq: message.seq } : state
    case 'addresses':
      return withAddresses(state, message.of)
    default:
      return state
  }
}

/** Where cases are, in words: personal, so no event carries it; a screen asks for those that were opened before its eyes. */
function withAddresses(state: State, known: Record<string, string | null>): State {
  const fresh = Object.entries(known).filter(
    ([id, address]) => address && state.cases.has(id) && !state.cases.get(id)?.address,
  )
  if (!fresh.length) return state
  const cases = new Map(state.cases)
  for (const [id, address] of fresh) cases.set(id, { ...cases.get(id)!, address })
  return { ...state, cases }
}

/** A fresh picture replaces all that was known. */
export function begin(seq: number, board: Snapshot): State {
  const parts = board as unknown as Partial<Record<Table, Row[]>>
  const tables = TABLES.map(name => [name, new Map((parts[name] ?? []).map(row => [KEYS[name](row), row]))])
  return { seq, ...Object.fromEntries(tables) } as State
}

function change(state: State, event: LiveEvent): State {
  if (event.seq <= state.seq) return state
  const after: Record<string, unknown> = { ...state, seq: event.seq }
  for (const [name, rows] of Object.entries(event.data.rows ?? {})) {
    if (name in KEYS) after[name] = merged(state[name as Table] as ReadonlyMap<string, Row>, rows, KEYS[name as Table])
  }
  if (event.kind.startsWith('team.')) after.teams = withDuty(after.teams as State['teams'], event)
  return after as State
}

/** Each row with the columns that the event names; a team that is no more goes. */
function merged(table: ReadonlyMap<string, Row>, rows: Row[], key: (row: Row) => string): ReadonlyMap<string, Row> {
  const after = new Map(table)
  for (const row of rows) {
    if (row.active === false) after.delete(key(row))
    else after.set(key(row), { ...after.get(key(row)), ...row })
  }
  return after
}

function withDuty(teams: State['teams'], event: LiveEvent): State['teams'] {
  const told = event.data
  const team = teams.get(String(told.team_id))
  if (!team || typeof told.state !== 'string') return teams
  const duty = {
    state: told.state,
    state_since: event.occurred_at,
    shift_ends_at: told.shift_ends_at ?? null,
  }
  return new Map(teams).set(team.id, { ...team, ...duty } as Team)
}
