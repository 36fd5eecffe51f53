/** Names of accounts for who may read them, asked once; else the beginning of the id, which the log has too. */
import { shallowRef } from 'vue'
import { api, ask } from '@/shared/api/client'
import { session } from '@/shared/api/session'

const names = shallowRef<ReadonlyMap<string, string>>(new Map())
let asked: string | null = null
const MOST = 200

async function fetchNames(): Promise<void> {
  const found = await ask(api.GET('/api/accounts', { params: { query: { limit: MOST } } })).catch(() => null)
  if (found) names.value = new Map(found.accounts.map(account => [account.id, account.name]))
}

export function useNames() {
  if (asked !== session.token && session.token) {
    asked = session.token
    void fetchNames()
  }
  return (id: string | null | undefined): string => {
    if (!id) return ''
    if (id === session.me?.id) return session.name
    return names.value.get(id) ?? id.slice(0, 8)
  }
}
