// The ways in which a call fails, told apart by HTTP status and the code of the first reason, never by message; and what the caller of
// the root key must conclude from each (RootKeyReach in core/ports/root-key.ts).

import { RootKeyError, type RootKeyReach } from '../../../core/ports/root-key.ts'
import { readServiceRefusal } from './answers.ts'
import { callOf, type CallName } from './calls.ts'
import { services, type KeyProtectUri } from './uri.ts'

/** An answer whose HTTP status is not a success. */
export interface ServiceRefusal {
  readonly status: number
  /** `reasons[0].code`, or IAM's `errorCode`; empty where there is none (401, 403, 429 and some 500). */
  readonly code: string
  /** The service's words. */
  readonly message: string
}

interface About {
  readonly call: CallName | 'token'
  /** undefined where there was no answer. */
  readonly refusal: ServiceRefusal | undefined
  readonly correlationId: string
  /** The call may succeed when it is repeated. */
  readonly transient: boolean
  /** The service may have done the work all the same. */
  readonly maybeDone?: boolean
  readonly remedy?: string | undefined
}

/** A RootKeyError that also says which call failed. */
export class KeyProtectError extends RootKeyError {
  readonly call: CallName | 'token'
  readonly refusal: ServiceRefusal | undefined
  readonly correlationId: string
  readonly transient: boolean
  readonly maybeDone: boolean

  constructor(reach: RootKeyReach, message: string, about: About & ErrorOptions) {
    super(reach, message, { ...about, altered: about.refusal?.code === 'UNPROCESSABLE_CIPHERTEXT_ERR' })
    this.call = about.call
    this.refusal = about.refusal
    this.correlationId = about.correlationId
    this.transient = about.transient
    this.maybeDone = about.maybeDone ?? false
  }
}

/**
 * Reads an answer whose HTTP status is not a success. undefined where the service did not write the answer: a proxy's page says nothing
 * about the root key, whatever its status.
 */
export function readRefusal(status: number, body: Buffer): ServiceRefusal | undefined {
  const read = status < 400 ? undefined : readServiceRefusal(body, status === 401 || status === 403)
  if (read) return { status, ...read }
  // A proxy is believed when it reports an overload or an outage.
  return isTransient({ status }) ? { status, code: '', message: '' } : undefined
}

/** A refusal that a new token may cure. */
export function isAboutToken({ status, code }: ServiceRefusal): boolean {
  return status === 401 || status === 403 || code === 'BEARER_SUB_EXTRACTION_ERR'
}

/** Too many requests, or trouble on the service's side. */
export function isTransient({ status }: Pick<ServiceRefusal, 'status'>): boolean {
  return status === 429 || status === 408 || (status >= 500 && status !== 501)
}

/** Whether the service may have done the work. After trouble on its side (408, 5xx) it may; after a 429 or another refusal it did not. */
export function isMaybeDone({ status }: ServiceRefusal): boolean {
  return status === 408 || status >= 500
}

const reachByCode: Readonly<Record<string, RootKeyReach>> = {
  KEY_ROOT_REQ_ERR: 'root-key',
  KEY_EXPIRED_ERR: 'root-key',
  KEY_INVALID_STATE_ERR: 'root-key',
  BEARER_SUB_EXTRACTION_ERR: 'root-key',
  UNPROCESSABLE_CIPHERTEXT_ERR: 'wrapped-form',
}

const reachByStatus: Readonly<Record<number, RootKeyReach>> = {
  401: 'root-key',
  403: 'root-key',
  404: 'root-key',
  409: 'root-key',
  410: 'root-key',
}

export function reachOf(call: CallName, refusal: ServiceRefusal): RootKeyReach {
  const { status, code } = refusal
  if (isTransient(refusal) || status >= 500) return 'unreachable'
  if (callOf(call).on === 'standard-key') return isAboutAccess(refusal) ? 'call' : 'wrapped-form'
  // Any other 4xx concerns what Mortise sent, such as 422, or 400 for a field.
  return reachByCode[code] ?? reachByStatus[status] ?? 'wrapped-form'
}

/** Whether a role is missing or the key ring is gone. Then the standard key is not to blame, and the root key may answer or not. */
function isAboutAccess(refusal: ServiceRefusal): boolean {
  return isAboutToken(refusal) || refusal.code === 'KEY_RING_NOT_FOUND_ERR'
}

/** The error for a success whose body is not what it should be. */
export function notUnderstood(
  { scheme, host }: Pick<KeyProtectUri, 'scheme' | 'host'>,
  call: CallName,
): KeyProtectError {
  const message = `${services[scheme].title} at ${host} answers ${call} with something else than it should`
  const about = { call, refusal: undefined, correlationId: '', transient: true }
  return new KeyProtectError('unreachable', message, about)
}
