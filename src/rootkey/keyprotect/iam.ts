// IAM tokens for one service ID, by its API key: asked for once however many wait, anew in the background before they
// end, and again when the service refuses one. Time is monotonic and counts from the question, so that neither a wrong
// clock nor a slow answer makes a token look younger than it is. Nothing is repeated here; that is session.ts's work.

import { randomUUID } from 'node:crypto'
import type { Agent } from 'node:https'
import { limits } from '../../limits.ts'
import type { Clock } from '../../ports/clock.ts'
import { field, isTransient, KeyProtectError, readRefusal } from './error.ts'
import { exchange, NoAnswer, type Answer } from './exchange.ts'

export interface Token {
  readonly bearer: string
  /** `ServiceId-…` or `IBMid-…`, as the token says; for messages only. */
  readonly subject: string
  /** Monotonic milliseconds. */
  readonly askedAt: number
  readonly refreshFrom: number
  readonly usableUntil: number
}

export interface IamOptions {
  readonly agent: Agent
  /** `/identity/token` is appended. */
  readonly iamUrl: string
  /** Asked for with each token, so that a key that was changed is used from then on. Rejects with RootKeyError. */
  readonly apiKey: () => Promise<string>
  readonly clock: Pick<Clock, 'monotonic'>
}

export class Iam {
  readonly #options: IamOptions
  #token: Token | undefined
  #asking: Promise<Token> | undefined

  constructor(options: IamOptions) {
    this.#options = options
  }

  /**
   * A token that will be good for the next call. Throws RootKeyError: 'unreachable' where IAM does not answer,
   * 'root-key' where it refuses the API key.
   */
  async token(timeoutMs: number): Promise<Token> {
    const now = this.#options.clock.monotonic()
    const token = this.#token
    if (!token || now >= token.usableUntil) return this.#ask(timeoutMs)
    if (now >= token.refreshFrom) {
      // Not again for every call while IAM is out of reach.
      this.#token = { ...token, refreshFrom: now + limits.iamTokenFreshMs }
      void this.#ask(timeoutMs).catch(() => undefined)
    }
    return token
  }

  /** Whether another token may be worth a try. Of a refused one no more use is made. */
  refuse(token: Token, status: number): boolean {
    const ageMs = this.#options.clock.monotonic() - token.askedAt
    if (status === 403 && ageMs < limits.iamTokenFreshMs) return false
    if (this.#token?.bearer === token.bearer) this.#token = undefined
    return true
  }

  #ask(timeoutMs: number): Promise<Token> {
    this.#asking ??= this.#fetch(timeoutMs)
      .then((token) => (this.#token = token))
      .finally(() => (this.#asking = undefined))
    return this.#asking
  }

  async #fetch(timeoutMs: number): Promise<Token> {
    const { agent, iamUrl, apiKey, clock } = this.#options
    const correlationId = randomUUID()
    const form = new URLSearchParams({
      grant_type: 'urn:ibm:params:oauth:grant-type:apikey',
      apikey: await apiKey(),
      response_type: 'cloud_iam',
    })
    const url = new URL(`${iamUrl.replace(/\/$/, '')}/identity/token`)
    const body = Buffer.from(form.toString())
    const headers = {
      Accept: 'application/json',
      'Content-Type': 'application/x-www-form-urlencoded',
      'X-Correlation-Id': correlationId,
    }
    const askedAt = clock.monotonic()
    try {
      const answer = await exchange({ agent, method: 'POST', url, headers, body, timeoutMs })
      return readToken(answer, askedAt, url.host, correlationId)
    } catch (error) {
      if (error instanceof NoAnswer) throw unreachable(url.host, error.message, correlationId, error)
      throw error
    } finally {
      body.fill(0)
    }
  }
}

function unreachable(host: string, why: string, correlationId: string, cause?: Error): KeyProtectError {
  return new KeyProtectError('unreachable', `IAM at ${host} cannot be reached: ${why}`, {
    call: 'token',
    refusal: undefined,
    correlationId,
    transient: true,
    cause,
  })
}

function readToken(answer: Answer, askedAt: number, host: string, correlationId: string): Token {
  if (answer.status !== 200) throw refused(answer, host, requestIdIn(answer) ?? correlationId)
  let json: unknown
  try {
    json = JSON.parse(answer.body.toString('utf8'))
  } catch {
    throw unreachable(host, 'what it answers is not JSON', correlationId)
  }
  const bearer = field(json, 'access_token')
  if (typeof bearer !== 'string' || !/^[\x21-\x7e]+$/.test(bearer))
    throw unreachable(host, 'its answer has no token', correlationId)
  const seconds = Number(field(json, 'expires_in') ?? 600)
  const lifeMs = (Number.isFinite(seconds) ? seconds : 600) * 1000
  const spareMs = Math.min(limits.iamTokenSpareMs, lifeMs * (1 - limits.iamTokenRefreshAt) * 0.5)
  return {
    bearer,
    subject: subjectOf(bearer),
    askedAt,
    refreshFrom: askedAt + lifeMs * limits.iamTokenRefreshAt,
    usableUntil: askedAt + lifeMs - spareMs,
  }
}

function refused({ status, body }: Answer, host: string, correlationId: string): KeyProtectError {
  const refusal = readRefusal(status, body)
  if (!refusal) return unreachable(host, `it answers HTTP ${status}, but not as IAM does`, correlationId)
  const about = { call: 'token', refusal, correlationId }
  if (isTransient(refusal) || status >= 500)
    return new KeyProtectError('unreachable', `IAM at ${host} gives no token now (HTTP ${status})`, {
      ...about,
      transient: true,
    })
  const words = [refusal.code, refusal.message].filter((word) => word !== '').join(': ')
  return new KeyProtectError(
    'root-key',
    `IAM at ${host} refuses the API key (HTTP ${status}${words === '' ? '' : `, ${words}`}, request id ${correlationId}). Make a new one for the ` +
      'service ID (ibmcloud iam service-api-key-create NAME SERVICE_ID) and put it where the old one was.',
    { ...about, transient: false },
  )
}

/** IAM finds a refusal by the id that it gave it itself (`context.requestId`). */
function requestIdIn({ body }: Answer): string | undefined {
  try {
    const context = field(JSON.parse(body.toString('utf8')), 'context')
    const id = field(context, 'requestId')
    return typeof id === 'string' && /^[\w.:-]{1,100}$/.test(id) ? id : undefined
  } catch {
    return undefined
  }
}

/** A JWT's middle says whose it is. It is not checked: it is the service's to check. */
function subjectOf(bearer: string): string {
  try {
    const claims: unknown = JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString('utf8'))
    const subject = field(claims, 'sub') ?? field(claims, 'iam_id')
    return typeof subject === 'string' && /^[\w@.-]{1,100}$/.test(subject) ? subject : ''
  } catch {
    return ''
  }
}
