/** Small ways of saying things that every desk uses: a refusal in the reader's language, an event's kind, a case's number. */
import { ref, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { Refusal } from '@/shared/api/client'

export function useSay() {
  const { t, te, locale } = useI18n()
  const word = (group: string, code: string | null | undefined) => {
    if (!code) return t('shell.none')
    const key = `${group}.${code.replaceAll('.', '_')}`
    return te(key) || te(key, 'zh') ? t(key) : code
  }
  const both = (zh: string, en: string) => (locale.value === 'zh' ? zh : en)
  const refusal = (fault: unknown) => (fault instanceof Refusal ? both(fault.zh, fault.en) : String(fault))
  return { t, word, both, refusal, locale }
}

/** One thing asked of the server: while it is under way, and what was refused. Never two at once. */
export function useAsking(): {
  busy: Ref<boolean>
  refused: Ref<string | null>
  run: <T>(work: () => Promise<T>) => Promise<T | undefined>
} {
  const busy = ref(false)
  const refused = ref<string | null>(null)
  const { refusal } = useSay()
  async function run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (busy.value) return undefined
    busy.value = true
    refused.value = null
    try {
      return await work()
    } catch (fault) {
      refused.value = refusal(fault)
      return undefined
    } finally {
      busy.value = false
    }
  }
  return { busy, refused, run }
}
