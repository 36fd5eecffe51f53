/** What went wrong, as a sentence in the language that is shown. */
import { Refusal } from '@/shared/api/client'
import { i18n } from './words'
import { NoRoom } from './queue/queue'

export function sentenceOf(fault: unknown): string {
  const { locale, t } = i18n.global
  if (fault instanceof Refusal) return locale.value === 'zh' ? fault.zh : fault.en
  if (fault instanceof NoRoom) return t('phone.no_room')
  return t('phone.unsure')
}

/** The words of something that has them in both languages. */
export const inWords = (both: { zh: string; en: string }): string =>
  i18n.global.locale.value === 'zh' ? both.zh : both.en
