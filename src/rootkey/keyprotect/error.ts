// What can go wrong with a call, typed by HTTP status and the code of the first reason, never by message, and what
// the caller of the root key must conclude from it (its reach; design: section 5).

import { RootKeyError, type RootKeyReach } from '../../ports/root-key.ts'
import { callOf, type CallName } from './calls.ts'
import { services, type KeyProtectUri } from './uri.ts'

/** What the service said no with. */
export interface Refusal {
  readonly status: number
  /** `reasons[0].code`, or IAM's `errorCode`; empty where there is none (401, 403, 429 and some 500). */
  readonly code: string
  /** The service's words. */
  readonly message: string
}

/** A RootKeyError that also says which call it was. */
export class KeyProtectError extends RootKeyError {
  readonly call: string
  /** undefined where there was no answer. */
  readonly refusal: Refusal | undefined
  readonly correlationId: string
  /** It may be otherwise in a moment. */
  readonly transient: boolean

  constructor(
    reach: RootKeyReach,
    message: string,
    about: Pick<KeyProtectError, 'call' | 'refusal' | 'correlationId' | 'transient'> & ErrorOptions,
  ) {
    super(reach, message, { ...about, altered: about.refusal?.code === 'UNPROCESSABLE_CIPHERTEXT_ERR' })
    this.call = about.call
    this.refusal = about.refusal
    this.correlationId = about.correlationId
    this.transient = about.transient
  }
}

/**
 * Reads the body of an answer that is no success. undefined where the service did not write it: a proxy's page says
 * nothing about the root key, whatever its status.
 */
export function readRefusal(status: number, body: Buffer): Refusal | undefined {
  const json = status < 400 ? undefined : jsonObject(body)
  // What says no is an object. That there is trouble is believed of anybody.
  if (!json) return isTransient({ status }) ? { status, code: '', message: '' } : undefined
  const [resource] = list(json, 'resources')
  const [reason] = list(resource, 'reasons')
  return {
    status,
    code: text1(reason, 'code') ?? text1(json, 'errorCode') ?? '',
    message: text1(reason, 'message') ?? text1(resource, 'errorMsg') ?? text1(json, 'errorMessage') ?? '',
  }
}

function jsonObject(body: Buffer): object | undefined {
  try {
    const json: unknown = JSON.parse(body.toString('utf8'))
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : undefined
  } catch {
    return undefined
  }
}

/** A refusal that a new token may cure. */
export function aboutToken({ status, code }: Refusal): boolean {
  return status === 401 || status === 403 || code === 'BEARER_SUB_EXTRACTION_ERR'
}

/** It may be otherwise in a moment: too many requests, or trouble on the service's side. */
export function isTransient({ status }: Pick<Refusal, 'status'>): boolean {
  return status === 429 || status === 408 || (status >= 500 && status !== 501)
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

export function reachOf(call: CallName, refusal: Refusal): RootKeyReach {
  const { status, code } = refusal
  if (isTransient(refusal) || status >= 500) return 'unreachable'
  if (callOf(call).on === 'standard-key') return withdrawn(call, refusal) ? 'root-key' : 'wrapped-form'
  // The rest of 4xx is about what was sent: 422, and 400 for a field.
  return reachByCode[code] ?? reachByStatus[status] ?? 'wrapped-form'
}

/**
 * A refusal of a call on standard keys concerns that call and no more, but for a service ID that is nobody there, and
 * for one that may read no standard key any more, or whose key ring is gone.
 */
function withdrawn(call: CallName, { status, code }: Refusal): boolean {
  if (status === 401 || code === 'BEARER_SUB_EXTRACTION_ERR') return true
  return call === 'get' && (status === 403 || code === 'KEY_RING_NOT_FOUND_ERR')
}

/** A success that is none. */
export function notUnderstood(
  { scheme, host }: Pick<KeyProtectUri, 'scheme' | 'host'>,
  call: CallName,
): KeyProtectError {
  const message = `${services[scheme].title} at ${host} answers ${call} with something else than it should`
  const about = { call, refusal: undefined, correlationId: '', transient: true }
  return new KeyProtectError('unreachable', message, about)
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name)
  return Array.isArray(found) ? found : []
}

function text1(value: unknown, name: string): string | undefined {
  const found = field(value, name)
  return typeof found === 'string' ? printable(found).slice(0, 300) : undefined
}

/** What goes into logs and to terminals is one line. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}

/** Of an object that came from outside. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}
