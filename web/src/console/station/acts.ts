/** What can be done for somebody at a station, and which of it meets which deadline. Pure. */
import type { Deadline, Desk, StayFile } from './shapes'

export type Act =
  | 'identify'
  | 'withdraw'
  | 'describe'
  | 'notice'
  | 'renew'
  | 'dna'
  | 'dnaAnswer'
  | 'settle'
  | 'prolong'
  | 'refer'
  | 'leave'

/** What the form of an act is given. */
export type ActProps = { act: Act; file: StayFile; desk: Desk }

export const KEY_OF: Partial<Record<Act, string>> = { identify: 'I', prolong: 'Y', refer: 'R', leave: 'L' }

type Facts = Pick<StayFile, 'stay' | 'person'>

const SEARCHED_ON = ['hospital', 'referred']
/** Somebody who was brought to a hospital from here is looked for on until another stay goes on with it. */
const stillSearched = ({ stay, person }: Facts): boolean =>
  !person.is_identified && (stay.state === 'present' || (SEARCHED_ON.includes(stay.how ?? '') && !stay.continued_at))

/** What may be done now. The server decides; this is what is shown. */
export function actsFor(file: Facts): Set<Act> {
  const { stay, person } = file
  const acts = new Set<Act>()
  const add = (when: unknown, ...some: Act[]) => when && some.forEach(one => acts.add(one))
  const present = stay.state === 'present'
  const searched = stillSearched(file)
  add(present, 'prolong', 'refer', 'leave', 'describe')
  add(present || searched, 'identify')
  add(person.is_identified && present, 'withdraw')
  add(searched && !stay.notice_at, 'notice')
  add(searched && stay.notice_at, 'renew', ...(stay.settlement_at ? [] : (['settle'] as const)))
  add(searched && !stay.dna_requested_at, 'dna')
  add((present || searched) && stay.dna_requested_at && !stay.dna_answered_at, 'dnaAnswer')
  return acts
}

const MEETS: readonly [kind: Deadline['kind'], act: Act][] = [
  ['search_notice', 'notice'],
  ['renew', 'renew'],
  ['dna_request', 'dna'],
  ['dna_answer', 'dnaAnswer'],
  ['settlement', 'settle'],
  ['stay_at_most', 'leave'],
]

/** By deadline, the act that meets it, where it can be done now. */
export const meeting = (acts: ReadonlySet<Act>): Partial<Record<Deadline['kind'], Act>> =>
  Object.fromEntries(MEETS.filter(([, act]) => acts.has(act)))
