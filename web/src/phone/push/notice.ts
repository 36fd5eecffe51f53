/** A push as it arrives: codes and numbers, never anything about a person. It is shown in words, and its receipt goes back. */
export type Notice = {
  id: string
  code: string
  kind: string
  number?: number | null
  priority?: string | null
  offer_id?: string | null
  case_id?: string | null
  expires_at?: string | null
}

const SAYS: Record<string, [zh: string, en: string]> = {
  'offer.made': ['新的派遣，请应答', 'A new offer: please answer'],
  'offer.withdrawn': ['派遣已收回', 'The offer was taken back'],
  'case.assigned': ['指挥中心指派了任务', 'The control room has assigned a task'],
  'case.detailed': ['报告人补充了情况', 'The reporter added details'],
  'case.taken_off': ['任务已收回', 'The task was taken back'],
  'case.not_reached': ['有队伍未收到派遣', 'A team was not reached'],
  'team.distress': ['有队员紧急求助', 'A crew calls for help'],
  'team.distress_escalated': ['紧急求助尚未有人答复', 'A call for help is still unanswered'],
  'team.distress_answered': ['指挥中心已答复您的求助', 'The control room has answered your call'],
  'clock.missed': ['任务超时，请查看', 'A deadline was missed'],
  'clock.escalated': ['任务超时，请查看', 'A deadline was missed'],
}
const CRITICAL: [zh: string, en: string] = ['危急', 'Critical']
const RECEIPT_WITHIN_MS = 10_000

export async function showNotice(at: ServiceWorkerRegistration, notice: Notice): Promise<void> {
  const [zh, en] = SAYS[notice.kind] ?? ['救助圈有新消息', 'News from Rescue Circle']
  const urgent = notice.priority === 'critical' ? CRITICAL : null
  const about = notice.offer_id ?? notice.case_id ?? notice.id
  if (notice.kind === 'offer.withdrawn') for (const old of await at.getNotifications({ tag: about })) old.close()
  await at.showNotification(urgent ? `${urgent[0]} · ${zh}` : zh, {
    body: [notice.number ? `案卷 ${notice.number}` : '', urgent ? `${urgent[1]}: ${en}` : en]
      .filter(Boolean)
      .join(' · '),
    tag: about,
    icon: '/m/icon-192.png',
    requireInteraction: notice.kind === 'offer.made' || notice.kind === 'case.assigned',
    data: { address: '/m/#/task' },
  })
  await receipt(notice, true)
}

/** Tells the server that it came. Lost, the server goes on to the next way: no harm but a second ring. */
export async function receipt(notice: Notice, shown: boolean): Promise<void> {
  await fetch(`/api/notices/${notice.id}/received`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ code: notice.code, shown }),
    signal: AbortSignal.timeout(RECEIPT_WITHIN_MS),
  }).catch(() => undefined)
}
