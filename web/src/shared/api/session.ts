/** Who is signed in on this browser, in the control room or in the phone app, which may be two people. The token stays until
 * sign-out, so that a reload or a second window needs no password. */
import { reactive } from 'vue'
import type { components } from './schema'

export type Me = components['schemas']['Actor']
export type Ended = 'signed_out' | 'expired' | 'revoked' | null
type Kept = { token: string; me: Me; name: string }

const KEY = globalThis.location?.pathname.startsWith('/m/') ? 'rescue.phone.session' : 'rescue.session'
export const DEVICE_KEY = 'rescue.device'

function kept(): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? 'null') as Kept | null
  } catch {
    return null
  }
}

class Session {
  token: string | null = null
  me: Me | null = null
  name = ''
  ended: Ended = null

  constructor() {
    const before = kept()
    if (before) this.begin(before.token, before.me, before.name)
  }

  get roles(): readonly string[] {
    return this.me?.roles ?? []
  }

  begin(token: string, me: Me, name: string): void {
    Object.assign(this, { token, me, name, ended: null })
    localStorage.setItem(KEY, JSON.stringify({ token, me, name }))
  }

  /** Forgets who it was. What the desk had typed is the desk's matter: it listens to `ended`. */
  end(why: Ended): void {
    if (!this.token) return
    Object.assign(this, { token: null, me: null, name: '', ended: why })
    localStorage.removeItem(KEY)
    sessionStorage.clear()
  }
}

export const session = reactive(new Session())
