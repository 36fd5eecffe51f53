/** What the officer's phone shows: the server's last word, with the own steps that still wait laid over it. Begin at `project`. Pure.
 *
 * Only own steps that nobody else can contradict are laid over it: who set out, arrived or found somebody knows that without a
 * network. A case is had only once the server says so: an acceptance that waits is shown as waiting. */
import type { Shapes } from '@/shared/api/client'
import type { Action } from '../queue/store'
import { standing, type Standing } from './referring'

export type Distress = Shapes['DistressNow']
export type Task = Shapes['Task']
export type Duty = Shapes['DutyState']
/** askedAt: the phone's own time (ms) at which the server was asked: what was sent later is not in it yet. */
export type KeptTask = { who: string; askedAt: number; task: Task }
export type Step = 'off_duty' | 'resting' | 'wait' | 'offer' | 'set_out' | 'drive' | 'spot' | 'done'
/** A case as the pages show it. number: null as long as only the phone knows of it. */
export type CaseNow = {
  id: string
  number: number | null
  lon: number
  lat: number
  address: string | null
  priority: Shapes['Case']['priority']
  dangers: readonly string[]
  callFirst: readonly string[]
  peopleCount: number
  opened: string
}
export type View = {
  duty: Duty
  step: Step
  offer: Shapes['Offer'] | null
  case: CaseNow | null
  why: Task['why']
  sightings: Task['sightings']
  clocks: Task['clocks']
  arrivedAt: string | null
  /** Where the people are taken, as far as it was asked. */
  referred: Standing
  /** The own steps of this case or offer that the server does not have yet, by kind. */
  pending: Readonly<Partial<Record<string, Action>>>
  /** What the server refused, oldest first, whatever case it belongs to. */
  refused: readonly Action[]
  /** The handling that was the last thing done, while nothing newer is there to do. */
  done: Action | null
  distress: Distress | null
  /** A distress call of this phone's that is not over. */
  calling: Action | null
  kit: Task['kit'] | null
  shiftEndsAt: string | null
}

const OFFICER_KINDS = new Set([
  'duty',
  'accept',
  'decline',
  'set_out',
  'arrive',
  'photo',
  'signature',
  'handle',
  'refer',
  'refer_arrived',
  'refer_withdraw',
  'found',
  'ask',
  'distress',
  'sweep_look',
  'sweep_pass',
])
export const chainOf = (caseId: string): string => `case:${caseId}`
export const offerChainOf = (offerId: string): string => `offer:${offerId}`

/** dismissed: ids of handlings whose summary was put away. now: the phone's own time (ms). */
export function project(
  kept: KeptTask | null,
  actions: readonly Action[],
  who: string,
  dismissed: ReadonlySet<string> = new Set(),
): View {
  const mine = actions.filter(one => one.who === who && OFFICER_KINDS.has(one.kind))
  const task = kept?.who === who ? kept.task : null
  const askedAt = task ? kept!.askedAt : 0
  // Sent since the server was asked: done, though its answer does not show it yet.
  const news = mine.filter(one => one.state === 'waiting' || (one.state === 'sent' && (one.sentAt ?? 0) >= askedAt))
  const duty = dutyOf(task, news)
  const found = foundOf(task, news)
  const accepted = news.find(one => one.kind === 'accept' && one.state === 'sent')
  const offer = found || accepted ? null : offerOf(task, mine, news)
  const ofCase = offer ? null : (found ?? caseOf(task, mine, accepted))
  const pending = pendingOf(news, ofCase, offer)
  const stuck = ofCase ? stuckAt(mine, ofCase) : null
  const done = stuck || (ofCase && !pending.handle) ? null : lastDone(mine, ofCase, dismissed)
  return {
    duty,
    step: stuck ?? stepOf(duty, offer, ofCase, task, mine, pending, done),
    offer,
    case: offer ? asNow(task!.case!) : ofCase,
    why: offer || (task?.case && ofCase?.id === task.case.id) ? (task?.why ?? []) : [],
    sightings: offer || (task?.case && ofCase?.id === task.case.id) ? (task?.sightings ?? []) : [],
    clocks: task?.case && ofCase?.id === task.case.id ? task.clocks : [],
    arrivedAt: arrivalOf(task, ofCase, pending),
    referred: standing(ofCase && task?.case?.id === ofCase.id ? task.referrals : [], mine, ofCase?.id ?? '', askedAt),
    pending,
    refused: mine.filter(one => one.state === 'refused'),
    done,
    distress: task?.distress ?? null,
    calling: callingOf(mine, task),
    kit: task?.kit ?? null,
    shiftEndsAt: task?.presence.shift_ends_at ?? null,
  }
}

function dutyOf(task: Task | null, news: readonly Action[]): Duty {
  const wanted = news.filter(one => one.kind === 'duty').at(-1)
  return (wanted?.body.state as Duty | undefined) ?? task?.presence.state ?? 'off_duty'
}

function offerOf(task: Task | null, mine: readonly Action[], news: readonly Action[]): Shapes['Offer'] | null {
  const offer = task?.offer
  if (!offer || !task.case) return null
  const chain = offerChainOf(offer.id)
  const declined = news.some(one => one.kind === 'decline' && one.chain === chain)
  const lost = mine.some(one => one.kind === 'accept' && one.chain === chain && one.state === 'refused')
  return declined || lost ? null : offer
}

/** Somebody found whose case the server does not show yet. */
function foundOf(task: Task | null, news: readonly Action[]): CaseNow | null {
  const action = news.filter(one => one.kind === 'found').at(-1)
  if (!action || task?.case?.id === action.body.case_id) return null
  const body = action.body as {
    case_id: string
    place: { lon: number; lat: number }
    people_count: number
    dangers: string[]
  }
  return {
    id: body.case_id,
    number: (action.answer?.number as number | undefined) ?? null,
    lon: body.place.lon,
    lat: body.place.lat,
    address: null,
    priority: body.dangers.length ? 'high' : 'normal',
    dangers: body.dangers,
    callFirst: callFirstOf(body.dangers),
    peopleCount: body.people_count,
    opened: new Date(action.occurredAt ?? action.madeAt).toISOString(),
  }
}

const MEDICAL = new Set(['acute_illness', 'injury', 'unconscious', 'exposure', 'death'])
const CRIME = new Set(['abuse', 'trafficking', 'domestic_violence', 'mental_crisis', 'death'])
/** Whom to ring first for a case that the server has not judged yet. */
const callFirstOf = (dangers: readonly string[]): string[] => [
  ...(dangers.some(one => MEDICAL.has(one)) ? ['120'] : []),
  ...(dangers.some(one => CRIME.has(one)) ? ['110'] : []),
]

function caseOf(task: Task | null, mine: readonly Action[], accepted: Action | undefined): CaseNow | null {
  if (!task?.case || (task.offer && !accepted)) return null
  const handled = mine.some(
    one => one.kind === 'handle' && one.chain === chainOf(task.case!.id) && one.state === 'sent' && since(one, task),
  )
  return handled ? null : asNow(task.case)
}
/** Done since the case came to this team: a case that was sent back begins anew. */
const since = (one: Action, task: Task): boolean => (one.occurredAt ?? 0) >= Date.parse(task.case!.stage_since)

const asNow = (one: Shapes['Case']): CaseNow => ({
  id: one.id,
  number: one.number,
  lon: one.lon,
  lat: one.lat,
  address: one.address,
  priority: one.priority,
  dangers: one.dangers,
  callFirst: one.call_first,
  peopleCount: one.people_count,
  opened: one.opened_at,
})

function pendingOf(
  news: readonly Action[],
  ofCase: CaseNow | null,
  offer: Shapes['Offer'] | null,
): Partial<Record<string, Action>> {
  const chain = ofCase ? chainOf(ofCase.id) : offer ? offerChainOf(offer.id) : null
  return Object.fromEntries(
    news.filter(one => one.chain === chain || one.kind === 'duty').map(one => [one.kind, one] as const),
  )
}

function arrivalOf(task: Task | null, ofCase: CaseNow | null, pending: View['pending']): string | null {
  const own = pending.arrive ?? pending.found
  if (own) return new Date(own.occurredAt ?? own.madeAt).toISOString()
  return ofCase && task?.case?.id === ofCase.id ? (task.visit?.arrived_at ?? null) : null
}

/** A refused step of this case that this page mends: whatever was done after it waits for that. */
function stuckAt(mine: readonly Action[], ofCase: CaseNow): Step | null {
  const chain = chainOf(ofCase.id)
  const refused = mine.find(one => one.chain === chain && one.state === 'refused' && MENDED_AT[one.kind])
  return refused ? MENDED_AT[refused.kind]! : null
}
const MENDED_AT: Readonly<Record<string, Step>> = { arrive: 'drive', handle: 'spot' }

function lastDone(mine: readonly Action[], ofCase: CaseNow | null, dismissed: ReadonlySet<string>): Action | null {
  const last = mine.filter(one => one.kind === 'handle' && one.state !== 'refused').at(-1)
  if (!last || dismissed.has(last.id)) return null
  // A newer case is more than the summary of the last.
  return !ofCase || last.chain === chainOf(ofCase.id) ? last : null
}

function stepOf(
  duty: Duty,
  offer: Shapes['Offer'] | null,
  ofCase: CaseNow | null,
  task: Task | null,
  mine: readonly Action[],
  pending: View['pending'],
  done: Action | null,
): Step {
  if (offer) return 'offer'
  if (done) return 'done'
  if (ofCase && !pending.handle) {
    if (pending.found || pending.arrive) return 'spot'
    const stage = task?.case?.id === ofCase.id ? task.case.stage : null
    if (stage === 'handling') return 'spot'
    return setOut(task, mine, ofCase) ? 'drive' : 'set_out'
  }
  if (duty === 'off_duty' || duty === 'resting') return duty
  return 'wait'
}

/** The server keeps no state for it: the phone that set out knows. */
const setOut = (task: Task | null, mine: readonly Action[], ofCase: CaseNow): boolean =>
  mine.some(
    one =>
      one.kind === 'set_out' &&
      one.chain === chainOf(ofCase.id) &&
      one.state !== 'refused' &&
      (task?.case?.id !== ofCase.id || task.offer !== null || since(one, task)),
  )

function callingOf(mine: readonly Action[], task: Task | null): Action | null {
  const last = mine.filter(one => one.kind === 'distress').at(-1)
  if (!last) return null
  if (last.state !== 'sent') return last
  return task?.distress?.id === last.answer?.id ? last : null
}
