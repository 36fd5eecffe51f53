/** Everything that is asked of the server goes through `ask`: typed by our own OpenAPI document, refusals in the user's words. */
import createClient from 'openapi-fetch'
import { v7 } from 'uuid'
import { session } from './session'
import type { components, paths } from './schema'

export type Shapes = components['schemas']

/** What the server refused, in its own two sentences. `code` is stable (docs: RFC 9457 problem documents). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly zh: string,
    readonly en: string,
    readonly field: string | null = null,
    readonly problem: Record<string, unknown> = {},
  ) {
    super(`${zh} ${en}`)
  }
}

const AWAY = new Refusal(
  0,
  'away',
  '连不上服务器，没有发出；请稍后再试。',
  'The server cannot be reached; nothing was sent.',
)

export const api = createClient<paths>({ baseUrl: '' })
api.use({
  onRequest({ request }) {
    if (session.token) request.headers.set('Authorization', `Bearer ${session.token}`)
    return request
  },
  onResponse({ response }) {
    if (response.status === 401 && session.token) session.end('expired')
  },
})

type Answered<T> = { data?: T; error?: unknown; response: Response }

/** The answer's body. Throws `Refusal`, also when the server cannot be reached. */
export async function ask<T>(asked: Promise<Answered<T>>): Promise<T> {
  let answer: Answered<T>
  try {
    answer = await asked
  } catch {
    throw AWAY
  }
  if (answer.response.ok) return answer.data as T
  throw refusalOf(answer.response.status, answer.error)
}

export function refusalOf(status: number, body: unknown): Refusal {
  const told = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const text = (name: string, otherwise: string) =>
    typeof told[name] === 'string' ? (told[name] as string) : otherwise
  return new Refusal(
    status,
    text('code', 'unknown'),
    text('detail_zh', `服务器答复 ${status}。`),
    text('detail_en', `The server answered ${status}.`),
    typeof told.field === 'string' ? told.field : null,
    told,
  )
}

/** An id made here, so that the same command sent twice has one effect. */
export const newId = (): string => v7()
