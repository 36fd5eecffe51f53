/** How a report goes out: through which channel, as whom, and what follows it (photos, later details), all by the queue. */
import { newId } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { enqueue, type Wanted } from '../queue/queue'
import type { Photo } from '../queue/store'

/** The channel of who is signed in; a role that is not here reports as the public does, without an account. */
const CHANNELS: Record<string, string> = {
  grid_worker: 'grid',
  driver: 'taxi',
  officer: 'patrol',
  station_staff: 'patrol',
}
const installed = () => window.matchMedia('(display-mode: standalone)').matches
const ownChannel = (): string | undefined =>
  session.token ? session.roles.map(role => CHANNELS[role]).find(Boolean) : undefined
export const channelHere = (): string => ownChannel() ?? (installed() ? 'app' : 'web')
export const asPublic = (): boolean => !ownChannel()

/** A report and its photos, as the queue takes them. The report's id is the first one's. */
export function reportOf(body: Record<string, unknown>, photos: readonly Photo[], about: string): Wanted[] {
  const id = newId()
  const chain = `report:${id}`
  const whose = { asPublic: asPublic() }
  const report: Wanted = { kind: 'report', chain, path: '/api/reports', body, id, idField: 'id', about, ...whose }
  return [report, ...photos.map(photo => photoFor({ action: id, receipt: null }, photo, whose.asPublic))]
}

/** A report of this phone: by its receipt once there is one, else by the action that waits. */
export type OfReport = { action: string | null; receipt: string | null }
const placeOf = ({ action, receipt }: OfReport, what: string) => ({
  chain: `report:${action ?? receipt}`,
  path: `/api/reports/${receipt ?? '{receipt}'}/${what}`,
  ...(receipt || !action ? {} : { after: action }),
})

export function photoFor(report: OfReport, photo: Photo, publicly = asPublic()): Wanted {
  return { kind: 'report_photo', ...placeOf(report, 'photos'), photo, timed: false, asPublic: publicly }
}

export async function addDetails(report: OfReport, body: Record<string, unknown>, about = ''): Promise<void> {
  const wanted = { kind: 'report_details', ...placeOf(report, 'details'), body, about }
  await enqueue({ ...wanted, asPublic: asPublic() })
}
