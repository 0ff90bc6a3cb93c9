// How one attempt of a call ended, and what may be done about it: whether it may be otherwise in a moment, and whether
// the work may have been done although nobody said so.

import { randomInt } from 'node:crypto'
import { RootKeyError } from '../../ports/root-key.ts'
import { limits } from '../../limits.ts'
import { isTransient, KeyProtectError, readRefusal, type Refusal } from './error.ts'
import type { Answer } from './exchange.ts'
import type { Token } from './iam.ts'
import { parseWithSecret, type ParsedAnswer } from './secret-json.ts'

export type Outcome =
  | { readonly kind: 'done'; readonly answer: ParsedAnswer; readonly status: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly token: Token; readonly waitMs: number }
  | {
      readonly kind: 'nothing'
      readonly why: string
      readonly stale: boolean
      /** The question may have arrived. */
      readonly sent: boolean
      readonly cause?: Error
    }
  /** Of IAM. */
  | { readonly kind: 'no-token'; readonly error: RootKeyError }

/** Wipes the body. `secret`: the field that is cut out. */
export function outcomeOf({ status, headers, body }: Answer, token: Token, secret?: string): Outcome {
  if (status === 204) return { kind: 'done', answer: { json: {}, secret: undefined }, status }
  if (status >= 200 && status < 300) {
    const answer = secret === undefined ? parsed(body) : parseWithSecret(body, secret)
    if (answer.json !== undefined) return { kind: 'done', answer, status }
    return nothing('what it answers is not JSON')
  }
  const refusal = readRefusal(status, body)
  if (!refusal) return nothing(`HTTP ${status}, but not as the service answers`)
  // Seconds; a date is not understood and does not matter.
  const seconds = Number(headers['retry-after'])
  const waitMs = seconds > 0 ? Math.min(seconds * 1000, limits.keyProtectQuietMs) : 0
  return { kind: 'refused', refusal, token, waitMs }
}

function nothing(why: string): Outcome {
  return { kind: 'nothing', why, stale: false, sent: true }
}

function parsed(body: Buffer): ParsedAnswer {
  try {
    return { json: JSON.parse(body.toString('utf8')) as unknown, secret: undefined }
  } catch {
    return { json: undefined, secret: undefined }
  }
}

/** For the log: HTTP status, and the reason of a failure. */
export function ending(outcome: Outcome): { readonly status: number | null; readonly code: string | null } {
  if (outcome.kind === 'done') return { status: outcome.status, code: null }
  if (outcome.kind === 'refused') return { status: outcome.refusal.status, code: outcome.refusal.code }
  return { status: null, code: outcome.kind === 'nothing' ? outcome.why : outcome.error.message }
}

export function transient(outcome: Outcome): boolean {
  if (outcome.kind === 'refused') return isTransient(outcome.refusal)
  if (outcome.kind === 'no-token') return outcome.error instanceof KeyProtectError && outcome.error.transient
  return outcome.kind === 'nothing'
}

/** Of a 429 or another refusal it is certain that nothing was done; of trouble on the service's side it is not. */
export function maybeDone(outcome: Outcome): boolean {
  if (outcome.kind === 'refused') return outcome.refusal.status === 408 || outcome.refusal.status >= 500
  return outcome.kind === 'nothing' && outcome.sent
}

/** Doubled with each attempt; anything from half of it on, so that many who failed together do not return together. */
export function pause(attempt: number): number {
  const fullMs = limits.keyProtectPauseMs * 2 ** (attempt - 1)
  return fullMs / 2 + randomInt(fullMs / 2)
}
