/** Whether a file is the one that was issued: its SHA-256, reckoned here; the file goes nowhere. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** A document of ours is a few hundred kilobytes. */
export const LARGEST = 20_000_000

export type Compared = 'same' | 'other' | 'too_big'

export async function compared(file: Blob, issued: string): Promise<Compared> {
  if (file.size > LARGEST) return 'too_big'
  return digestOf(new Uint8Array(await file.arrayBuffer())) === issued ? 'same' : 'other'
}

/** Not the browser's own: that one is there over HTTPS only, and a station's network may not have it. */
export function digestOf(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes))
}

/** The code in the address: /check/7KQM-X4TA-9RWE-52NB; empty where there is none. */
export function codeIn(path: string): string {
  return decodeURIComponent(/^\/check\/([^/]+)/.exec(path)?.[1] ?? '')
}

/** When it was issued, in the time that stands on the paper, wherever it is read. */
export function moment(at: string): string {
  return new Intl.DateTimeFormat('zh-CN', {
    dateStyle: 'long',
    timeStyle: 'short',
    hourCycle: 'h23',
    timeZone: 'Asia/Shanghai',
  }).format(new Date(at))
}
