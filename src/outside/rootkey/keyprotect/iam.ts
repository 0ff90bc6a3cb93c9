// Gets IAM tokens for one service ID with its API key. The life of a token counts from the request for it, so that a slow answer makes no
// token look younger than it is. session.ts repeats a request that fails.

import { randomUUID } from 'node:crypto'
import type { Agent } from 'node:https'
import type { Clock } from '../../../core/ports/clock.ts'
import { parseJson, readIamRefusal, readToken, subjectOf } from './answers.ts'
import { isTransient, KeyProtectError } from './error.ts'
import { exchange, NoAnswer, type HttpAnswer } from '../https/exchange.ts'
import { HeldAccess, tokenTimes, type ServiceAccess } from '../https/held-access.ts'
import { caVariable } from './hosts.ts'

export interface IamToken extends ServiceAccess {
  readonly bearer: string
  /** `ServiceId-…` or `IBMid-…`, as the token says; for messages only. */
  readonly subject: string
}

export interface IamOptions {
  readonly agent: Agent
  /** `/identity/token` is appended. */
  readonly iamUrl: string
  /** Called for each new token, so that the next token is requested with a changed key. Rejects with RootKeyError. */
  readonly apiKey: () => Promise<string>
  readonly clock: Pick<Clock, 'monotonic' | 'after'>
}

export class Iam {
  readonly #options: IamOptions
  readonly #held: HeldAccess<IamToken>

  constructor(options: IamOptions) {
    this.#options = options
    this.#held = new HeldAccess(options.clock)
  }

  /**
   * A token that will be good for the next call. Throws RootKeyError: 'unreachable' where IAM does not answer,
   * 'root-key' where it refuses the API key.
   */
  token(timeoutMs: number): Promise<IamToken> {
    return this.#held.take(() => this.#fetch(timeoutMs))
  }

  /** The host of IAM while calls have to wait for a token. undefined: there is a usable token. */
  get awaitedHost(): string | undefined {
    return this.#held.isUsable ? undefined : new URL(this.#options.iamUrl).host
  }

  /** For a call with this token that the service refused: whether another token is worth a try. */
  refuse({ bearer }: IamToken): boolean {
    return this.#held.giveUp((held) => held.bearer === bearer)
  }

  async #fetch(timeoutMs: number): Promise<IamToken> {
    const apiKey = await this.#options.apiKey()
    return this.#held.show(apiKey, () => this.#exchange(apiKey, timeoutMs))
  }

  async #exchange(apiKey: string, timeoutMs: number): Promise<IamToken> {
    const { agent, iamUrl, clock } = this.#options
    const correlationId = randomUUID()
    const form = new URLSearchParams({
      grant_type: 'urn:ibm:params:oauth:grant-type:apikey',
      apikey: apiKey,
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
      const options = { agent, method: 'POST', url, headers, body, timeoutMs, clock, caVariable } as const
      const answer = await exchange(options)
      return tokenIn(answer, askedAt, url, correlationId)
    } catch (error) {
      if (error instanceof NoAnswer) throw unreachable(url, error.message, correlationId, error)
      throw error
    } finally {
      body.fill(0)
    }
  }
}

function unreachable({ host }: URL, why: string, correlationId: string, cause?: Error): KeyProtectError {
  return new KeyProtectError('unreachable', `IAM at ${host} cannot be reached: ${why}`, {
    call: 'token',
    refusal: undefined,
    correlationId,
    transient: true,
    cause,
  })
}

function tokenIn({ status, body }: HttpAnswer, askedAt: number, url: URL, correlationId: string): IamToken {
  if (status !== 200) throw refused({ status, body }, url, correlationId)
  const json = parseJson(body)
  if (json === undefined) throw unreachable(url, 'what it answers is not JSON', correlationId)
  const token = readToken(json)
  if (!token) throw unreachable(url, 'its answer has no token', correlationId)
  const { access_token: bearer, expires_in: seconds } = token
  return { bearer, subject: subjectOf(bearer), ...tokenTimes(seconds, askedAt) }
}

function refused({ status, body }: Pick<HttpAnswer, 'status' | 'body'>, url: URL, ourId: string) {
  const { host } = url
  const read = readIamRefusal(body)
  const { code = '', message = '', requestId: correlationId = ourId } = read ?? {}
  const about = { call: 'token', refusal: { status, code, message }, correlationId } as const
  if (isTransient({ status }) || status >= 500)
    return new KeyProtectError('unreachable', `IAM at ${host} gives no token now (HTTP ${status})`, {
      ...about,
      transient: true,
    })
  // When IAM refuses an API key, it answers with another status than these two and with a code. Otherwise this server is not IAM.
  if (status === 404 || status === 405 || (read && code === ''))
    return new KeyProtectError('unreachable', notIam(url, status), { ...about, transient: false })
  if (!read) return unreachable(url, `it answers HTTP ${status}, but not as IAM does`, correlationId)
  const words = [code, message].filter((word) => word !== '').join(': ')
  return new KeyProtectError(
    'root-key',
    `IAM at ${host} refuses the API key (HTTP ${status}, ${words}, request id ${correlationId}). Make a new one for the ` +
      'service ID (ibmcloud iam service-api-key-create NAME SERVICE_ID) and put it where the old one was.',
    { ...about, transient: false },
  )
}

function notIam({ host, pathname }: URL, status: number): string {
  return (
    `what listens at ${host} does not know the path ${pathname} (HTTP ${status}), so it is not IAM. ` +
    'MORTISE_IBM_IAM_URL is the base URL of IAM alone, https://iam.cloud.ibm.com for example, and Mortise appends ' +
    '/identity/token to it'
  )
}
