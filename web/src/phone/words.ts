/** All words of the phone: one part per face. */
import { makeWords } from '@/shared/words'
import { home } from '@/shared/words/home'
import { words as signature } from '@/shared/signature/words'
import { words as incident } from './officer/incident-words'
import { words as officer } from './officer/words'
import { words as push } from './push/words'
import { words as queue } from './queue/words'
import { words as report } from './report/words'
import { words as phone } from './phone-words'

export const i18n = makeWords({ phone, queue, push, report, officer, incident, signature, home })
