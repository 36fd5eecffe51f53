/** What the server's own machine of any commands in any order told real feeds, played on the screen's state. */
import { describe, expect, test } from 'vitest'
import { apply, begin, EMPTY, type Message, type Snapshot, type State } from './state'

type Row = Record<string, unknown>
type Step = { message?: Message; board?: Snapshot; seq?: number }
type Fixture = { viewer: { who: string; account_id: string; team_id: string | null }; steps: Step[] }

const files = import.meta.glob<Fixture>('./fixtures/*.json', { eager: true, import: 'default' })
const fixtures = Object.values(files).map(fixture => [fixture.viewer.who, fixture] as const)
const TABLES = ['cases', 'offers', 'clocks', 'teams', 'approvals', 'distress_calls', 'referrals'] as const
/** Not told by events: the address (it is personal, and no log has it), the worker's own notes, and places (frames tell those). */
const NOT_BY_EVENTS: Partial<Record<string, string[]>> = {
  cases: ['address', 'search_at'],
  clocks: ['fires_at'],
  teams: ['lon', 'lat', 'fix_at', 'heading_deg'],
}
const MOMENT = /^\d{4}-\d\d-\d\dT/

function plain(value: unknown): unknown {
  return typeof value === 'string' && MOMENT.test(value) ? Date.parse(value) : value
}

/** The columns of `as` that the row is to have too, moments as numbers. */
function seen(row: Row, as: Row, table: string): Row {
  const columns = Object.keys(as).filter(name => !NOT_BY_EVENTS[table]?.includes(name))
  return Object.fromEntries(columns.map(name => [name, plain(row[name])]))
}

/** Whether a row that a fresh picture leaves out may still be known: it is over, or no longer this viewer's. */
function mayBeKept(table: string, row: Row, fixture: Fixture, fresh: State): boolean {
  if (table === 'offers') return row.state !== 'offered' || !fresh.cases.has(String(row.case_id))
  if (table === 'clocks') return row.ended_at !== null || !fresh.cases.has(String(row.case_id))
  if (table === 'approvals') return row.state !== 'asked' || !fresh.cases.has(String(row.case_id))
  if (table === 'distress_calls') return row.over_at !== null
  if (table === 'referrals') return row.ended_at !== null
  if (table === 'cases')
    return row.closed_at !== null || (fixture.viewer.team_id !== null && row.team_id !== fixture.viewer.team_id)
  return false
}

/**
 * An officer is told of a case from the moment on that it is held out to the team: by what changes, not as a whole, and of what
 * concerns the team. The phone asks for the whole case; here what was told of the team's own cases has to be right.
 */
function wanted(table: string, row: Row, known: Row | undefined, fixture: Fixture): Row {
  const mine = fixture.viewer.team_id
  if (mine === null) return row
  if (table === 'cases' && row.team_id !== mine) return {}
  return Object.fromEntries(Object.entries(row).filter(([name]) => known && name in known))
}

function compare(state: State, board: Snapshot, fixture: Fixture): void {
  const fresh = begin(state.seq, board)
  for (const table of TABLES) {
    const here = state[table] as unknown as ReadonlyMap<string, Row>
    for (const [key, row] of fresh[table] as unknown as ReadonlyMap<string, Row>) {
      const as = wanted(table, row, here.get(key), fixture)
      expect(seen(here.get(key) ?? {}, as, table), `${table} ${key} at ${state.seq}`).toEqual(seen(row, as, table))
    }
    for (const [key, row] of here) {
      if (!fresh[table].has(key))
        expect(mayBeKept(table, row, fixture, fresh), `${table} ${key} at ${state.seq}`).toBe(true)
    }
  }
}

test('there is somebody who sees all, somebody of a district, and an officer', () => {
  expect(fixtures.map(([who]) => who).sort()).toEqual(['dispatcher', 'leader-of-a-district', 'officer'])
})

describe.each(fixtures)('what the %s was told', (_, fixture) => {
  const told = fixture.steps.flatMap(step => (step.message ? [step.message] : []))

  test('is the board as it is read afresh', () => {
    let state = EMPTY
    let looked = 0
    for (const step of fixture.steps) {
      if (step.message) state = apply(state, step.message)
      if (!step.board) continue
      expect(state.seq).toBe(step.seq)
      compare(state, step.board, fixture)
      looked += 1
    }
    expect(looked).toBeGreaterThan(3)
  })

  test('is the same when it is told twice', () => {
    const once = told.reduce(apply, EMPTY)
    let twice = EMPTY
    for (const message of told)
      twice = message.type === 'snapshot' ? apply(twice, message) : apply(apply(twice, message), message)
    expect(twice).toEqual(once)
  })

  test('is the same one by one as several at once', () => {
    const singles = told.flatMap<Message>(message =>
      message.type === 'events' ? message.events.map(event => ({ ...event, type: 'event' as const })) : [message],
    )
    expect(singles.reduce(apply, EMPTY)).toEqual(told.reduce(apply, EMPTY))
  })

  test('leaves what it was applied to as it was, and what did not change the same object', () => {
    let state = EMPTY
    for (const message of told) {
      const before = structuredClone(state)
      const after = apply(state, message)
      expect(state).toEqual(before)
      if (message.type === 'event') {
        for (const table of TABLES) {
          const touched = table in (message.data.rows ?? {}) || (table === 'teams' && message.kind.startsWith('team.'))
          if (!touched) expect(after[table]).toBe(state[table])
        }
      }
      state = after
    }
  })
})

test('an address that was asked for is laid on its case and on no other, and only where there is none', () => {
  const rows = [
    { id: 'a', address: null },
    { id: 'b', address: '人民路' },
  ]
  const state = apply(EMPTY, {
    type: 'snapshot',
    seq: 1,
    board: { cases: rows, offers: [], clocks: [], teams: [] } as unknown as Snapshot,
  })
  const after = apply(state, { type: 'addresses', of: { a: '中山广场', b: '另一处', c: '不在画面' } })
  expect([...after.cases.values()].map(one => one.address)).toEqual(['中山广场', '人民路'])
  expect(after.seq).toBe(1)
  expect(apply(after, { type: 'addresses', of: { a: '又一处' } })).toBe(after)
})
