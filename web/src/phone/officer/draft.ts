/** What is being written, kept on the phone while it is written: closing the app or a restart loses no word. */
import { onScopeDispose, reactive, ref, watch, type Ref } from 'vue'
import { session } from '@/shared/api/session'
import { store } from '../queue/store'

const SAVE_MS = 250

/** The draft under this name, of whoever is signed in. `read` turns true once what was kept before is in it. */
export function useDraft<T extends object>(name: string, fresh: T): { draft: T; read: Ref<boolean> } {
  const key = draftKey(name)
  const draft = reactive(fresh) as T
  const read = ref(false)
  let timer = 0

  const save = () => {
    clearTimeout(timer)
    timer = 0
    // A full phone: what is on the screen stays there, and sending it says so.
    void store.keep(key, JSON.parse(JSON.stringify(draft))).catch(() => undefined)
  }
  void store
    .find<T>(key)
    .then(found => found && Object.assign(draft, found))
    .finally(() => {
      read.value = true
      watch(draft, () => (timer ||= window.setTimeout(save, SAVE_MS)), { deep: true })
    })
  const saveNow = () => timer && save()
  document.addEventListener('visibilitychange', saveNow)
  window.addEventListener('pagehide', saveNow)
  onScopeDispose(() => {
    saveNow()
    document.removeEventListener('visibilitychange', saveNow)
    window.removeEventListener('pagehide', saveNow)
  })
  return { draft, read }
}

export const draftKey = (name: string): string => `draft:${session.me?.id ?? ''}:${name}`

/** What it was about is done. */
export const forgetDraft = (name: string): Promise<void> => store.kept.delete(draftKey(name))

/** What the next page begins with. */
export const keepDraft = (name: string, value: unknown): Promise<void> => store.keep(draftKey(name), value)

export const findDraft = <T>(name: string): Promise<T | null> => store.find<T>(draftKey(name))
