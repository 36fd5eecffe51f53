/** Dispatching a call: the report, and what follows from it. Every step may be repeated. `stepsOf` tells how far it has come. */
import { api, ask, Refusal, type Shapes } from '@/shared/api/client'
import type { Case, Offer, State } from '@/shared/live/state'
import { reportOf, type Draft } from './draft'

export type Sent = {
  receipt: Shapes['Receipt']
  caseId: string
  number: string
  place: string
  callBack: boolean
  at: number
  trouble: unknown
}
export type StepName = 'filed' | 'accepted' | 'searching' | 'offered' | 'on_the_way' | 'on_the_spot' | 'done'
export type Step = { name: StepName; state: 'done' | 'now' | 'next' }
const CONFLICT = 409

/**
 * Sends the report, joins it with the case the caller means, and accepts what no rule has accepted. Throws `Refusal` when the
 * report itself was refused; what fails after that is told in `trouble`, since the report is in and must not be typed again.
 * stageOf: what the live picture says of a case, null while it does not know it.
 */
export async function send(
  draft: Draft,
  now: number,
  reason: string,
  stageOf: (caseId: string) => Promise<Case['stage'] | null>,
): Promise<Sent> {
  const report = reportOf(draft)
  if (!report) throw new Error('a call without a place is not sent')
  const receipt = await ask(api.POST('/api/reports', { body: report }))
  const sent: Sent = {
    receipt,
    caseId: receipt.case_id,
    number: draft.number,
    place: draft.place,
    callBack: draft.callBack,
    at: now,
    trouble: null,
  }
  try {
    if (draft.sameAs && draft.sameAs !== receipt.case_id) {
      await unlessDone(() =>
        ask(
          api.POST('/api/cases/{case_id}/join', {
            params: { path: { case_id: receipt.case_id } },
            body: { command_id: draft.joinId, into: draft.sameAs!, reason },
          }),
        ),
      )
      sent.caseId = draft.sameAs
    }
    const stage = await stageOf(sent.caseId)
    if (stage === null || stage === 'discovered') {
      await unlessDone(() =>
        ask(
          api.POST('/api/cases/{case_id}/accept', {
            params: { path: { case_id: sent.caseId } },
            body: { command_id: draft.acceptId },
          }),
        ),
      )
    }
  } catch (fault) {
    sent.trouble = fault
  }
  return sent
}

/** That somebody, or a rule, was there before is no fault: what was wanted is so. */
async function unlessDone(step: () => Promise<unknown>): Promise<void> {
  try {
    await step()
  } catch (fault) {
    if (!(fault instanceof Refusal && fault.status === CONFLICT)) throw fault
  }
}

/** The case that a joined one lives on in. */
export function caseOf(state: State, caseId: string): Case | null {
  const one = state.cases.get(caseId) ?? null
  return one?.joined_into ? (state.cases.get(one.joined_into) ?? one) : one
}

/** The offer that says most now: the one held out, else the one accepted, else the last. */
export function offerOf(state: State, caseId: string): Offer | null {
  const offers = [...state.offers.values()]
    .filter(offer => offer.case_id === caseId)
    .sort((a, b) => b.offered_at.localeCompare(a.offered_at))
  return (
    offers.find(offer => offer.state === 'offered') ??
    offers.find(offer => offer.state === 'accepted') ??
    offers[0] ??
    null
  )
}

const MINUTE_MS = 60_000

/** When the team that took it should be there (ms, at the full minute after), and in how many minutes; null before one has, or when no time was told. */
export function arrivalOf(offer: Offer | null, now: number): { at: number; minutes: number } | null {
  if (offer?.state !== 'accepted' || !offer.answered_at || offer.eta_s === null) return null
  const at = Date.parse(offer.answered_at) + offer.eta_s * 1000
  return { at: Math.ceil(at / MINUTE_MS) * MINUTE_MS, minutes: Math.ceil((at - now) / MINUTE_MS) }
}

/** Whether a team is on its way or there: joining a call to it sends no other. */
export const isUnderWay = (one: Case | null): boolean => one?.stage === 'dispatched' || one?.stage === 'handling'

const ORDER: readonly StepName[] = ['filed', 'accepted', 'searching', 'offered', 'on_the_way', 'on_the_spot', 'done']

export function stepsOf(one: Case | null, offer: Offer | null): Step[] {
  const at = ORDER.indexOf(reached(one, offer))
  return ORDER.map((name, n) => ({
    name,
    state: n < at || (n === at && name === 'done') ? 'done' : n === at ? 'now' : 'next',
  }))
}

function reached(one: Case | null, offer: Offer | null): StepName {
  switch (one?.stage) {
    case undefined:
    case 'discovered':
      return 'filed'
    case 'accepted':
      return offer?.state === 'offered' ? 'offered' : 'searching'
    case 'dispatched':
      return 'on_the_way'
    case 'handling':
      return 'on_the_spot'
    case 'suspended':
      return 'accepted'
    default:
      return 'done'
  }
}
