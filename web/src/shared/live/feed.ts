/** The socket: ticket → hello → picture → every change; after a lost line it comes back with its last number (docs/live-feed.md). */

export type Line = 'connecting' | 'live' | 'catching_up' | 'lost' | 'ended'
export type Heard = {
  message: (message: { type: string } & Record<string, unknown>) => void
  line: (line: Line) => void
  ended: (why: 'signed_out' | 'not_allowed' | 'too_many' | 'broken') => void
}
type Close = {
  again: 'now' | 'soon' | 'later' | 'never'
  fresh?: boolean
  why?: 'signed_out' | 'not_allowed' | 'too_many' | 'broken'
}

const CLOSES: Record<number, Close> = {
  4400: { again: 'never', why: 'broken' },
  4401: { again: 'soon' },
  4403: { again: 'never', why: 'not_allowed' },
  4409: { again: 'now' },
  4410: { again: 'soon', fresh: true },
  4429: { again: 'never', why: 'too_many' },
  1012: { again: 'soon' },
  1013: { again: 'later' },
}
const LONGEST_WAIT_MS = 30_000

export class Feed {
  private socket: WebSocket | null = null
  private timer = 0
  private deadline = 0
  private failures = 0
  private pulseMs = 5_000
  private stopped = false
  private view: readonly number[] | null = null

  /** ticket: asks for one, null when signing in again is needed, throws when the server is away. last: the number reached. */
  constructor(
    private readonly ticket: () => Promise<string | null>,
    private readonly last: () => number | null,
    private readonly heard: Heard,
  ) {}

  start(): void {
    this.heard.line('connecting')
    void this.open(false)
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    clearTimeout(this.deadline)
    this.socket?.close()
  }

  /** Which part of the world positions are wanted of: west, south, east, north in degrees. */
  look(view: readonly number[] | null): void {
    this.view = view
    if (this.socket?.readyState === WebSocket.OPEN) this.say()
  }

  private async open(fresh: boolean): Promise<void> {
    let ticket: string | null
    try {
      ticket = await this.ticket()
    } catch {
      return this.comeBack('later', false)
    }
    if (this.stopped) return
    if (ticket === null) return this.end('signed_out')
    const last = fresh ? null : this.last()
    const since = last === null ? '' : `&since=${last}`
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/api/feed?ticket=${encodeURIComponent(ticket)}${since}`)
    this.socket = socket
    this.listen(8_000)
    socket.onmessage = event => this.hear(String(event.data))
    socket.onclose = event => this.closed(socket, event.code)
  }

  private hear(text: string): void {
    const message = JSON.parse(text) as { type: string } & Record<string, unknown>
    this.listen(this.pulseMs * 3)
    if (message.type === 'hello') {
      this.pulseMs = Number(message.pulse_s) * 1000
      if (this.view) this.say()
    }
    this.heard.message(message)
    // Only what tells up to where everything has come makes the picture current.
    if (message.type === 'events' || message.type === 'snapshot' || message.type === 'pulse') {
      this.failures = 0
      this.heard.line('live')
    }
  }

  private say(): void {
    this.socket?.send(JSON.stringify({ type: 'view', bounds: this.view }))
  }

  /** A line that says nothing for three pulses is dead, whatever the browser believes. */
  private listen(withinMs: number): void {
    clearTimeout(this.deadline)
    this.deadline = window.setTimeout(() => {
      const socket = this.socket
      if (!socket) return
      socket.onclose = null
      socket.close()
      this.closed(socket, 1006)
    }, withinMs)
  }

  private closed(socket: WebSocket, code: number): void {
    if (this.stopped || socket !== this.socket) return
    clearTimeout(this.deadline)
    this.socket = null
    const close = CLOSES[code] ?? { again: 'soon' as const }
    if (close.again === 'never') return this.end(close.why ?? 'broken')
    this.comeBack(close.again, close.fresh ?? false)
  }

  private comeBack(again: 'now' | 'soon' | 'later', fresh: boolean): void {
    if (this.stopped) return
    this.heard.line('lost')
    this.failures += 1
    const shortestMs = { now: 0, soon: 500, later: 3_000 }[again]
    const waitMs = Math.min(LONGEST_WAIT_MS, shortestMs + Math.random() * 500 * 2 ** Math.min(this.failures, 6))
    this.timer = window.setTimeout(() => {
      this.heard.line('catching_up')
      void this.open(fresh)
    }, waitMs)
  }

  private end(why: 'signed_out' | 'not_allowed' | 'too_many' | 'broken'): void {
    this.stopped = true
    this.heard.line('ended')
    this.heard.ended(why)
  }
}
