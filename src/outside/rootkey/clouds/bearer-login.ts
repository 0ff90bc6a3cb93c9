// Gets the bearer token that Mortise shows a cloud: from the cloud's authorization server (OAuth 2.0, RFC 6749), or from the metadata
// service of the machine that Mortise runs on, whose answers have the same form. A BearerGrant says what Mortise sends to get a token.

import type { Clock } from '../../../core/ports/clock.ts'
import type { HttpAnswer } from '../https/exchange.ts'
import { HeldAccess, tokenTimes, type ServiceAccess } from '../https/held-access.ts'
import { parseJson } from '../https/secret-json.ts'
import { CloudError, unanswered } from './error.ts'
import type { CloudHttp } from './http.ts'
import type { CloudCall } from './session.ts'
import { ServiceClock } from './service-clock.ts'
import { z } from 'zod'

export interface BearerQuestion {
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Sent by POST; left out: a GET. */
  readonly form?: Readonly<Record<string, string>>
}

export interface BearerGrant {
  /** Calls the service that gives tokens. */
  readonly http: CloudHttp
  /** Read for each token, so that a file may be replaced at any time. Rejects with RootKeyError. */
  readonly readCredential: () => Promise<string>
  /** `nowMs`: the time by the clock of the service. Throws RootKeyError for an invalid credential. */
  readonly question: (credential: string, nowMs: number) => BearerQuestion
  /** Tells the administrator what to do about a refusal. */
  readonly cure: string
}

interface Bearer extends ServiceAccess {
  readonly token: string
}

export class BearerLogin {
  readonly #grant: BearerGrant
  readonly #monotonic: () => number
  readonly #serviceClock: ServiceClock
  readonly #held: HeldAccess<Bearer>

  constructor(grant: BearerGrant, clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#grant = grant
    this.#monotonic = () => clock.monotonic()
    this.#serviceClock = new ServiceClock(clock)
    this.#held = new HeldAccess(clock)
  }

  /**
   * The headers of a call, with our token. Throws RootKeyError: 'unreachable' where the service that gives tokens does not answer,
   * 'root-key' where it refuses the credential.
   */
  async authorize({ headers }: CloudCall, timeoutMs: number): Promise<Readonly<Record<string, string>>> {
    const { token } = await this.#held.take(async () => {
      const credential = await this.#grant.readCredential()
      return this.#held.show(credential, () => this.#ask(credential, timeoutMs))
    })
    return { Accept: 'application/json', ...headers, Authorization: `Bearer ${token}` }
  }

  /** For a call with these headers that the service refused: whether another token is worth a try. */
  refuse(shown: Readonly<Record<string, string>>): boolean {
    return this.#held.giveUp(({ token }) => shown['Authorization'] === `Bearer ${token}`)
  }

  async #ask(credential: string, timeoutMs: number, mayRepeat = true): Promise<Bearer> {
    const askedAt = this.#monotonic()
    const answer = await this.#exchange(credential, timeoutMs)
    const json = parseJson(answer.body)
    answer.body.fill(0)
    const read = answer.status === 200 ? readOAuthToken(json) : undefined
    if (read) return { token: read.token, ...tokenTimes(read.seconds, askedAt) }
    const isRefused = answer.status >= 400 && answer.status < 500
    if (isRefused && mayRepeat && this.#serviceClock.setRight(answer.headers.date))
      return this.#ask(credential, timeoutMs, false)
    throw this.#refusal(answer.status, json)
  }

  async #exchange(credential: string, timeoutMs: number): Promise<HttpAnswer> {
    const { http, question } = this.#grant
    const { url, headers, form } = question(credential, this.#serviceClock.now())
    const accept = { Accept: 'application/json', ...headers }
    if (!form) return http.ask({ method: 'GET', url, headers: accept, timeoutMs })
    const body = Buffer.from(new URLSearchParams(form).toString())
    try {
      const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
      return await http.ask({ method: 'POST', url, headers: { ...accept, ...type }, body, timeoutMs })
    } finally {
      body.fill(0)
    }
  }

  #refusal(status: number, json: unknown): CloudError {
    const { http, cure } = this.#grant
    const refusal = readOAuthRefusal(json)
    const { code = '', words = '' } = refusal ?? {}
    const said = [code, words].filter((text) => text !== '').join(': ')
    // RFC 6749 §4.1.2.1 has these two codes for faults of the server itself. Azure's metadata service answers 404 and 410 while it
    // is updated.
    const isTrouble =
      [404, 408, 410, 429].includes(status) ||
      status >= 500 ||
      /^(temporarily_unavailable|server_error)$/.test(code)
    if (!refusal || isTrouble || status < 400)
      return unanswered(http.title, `HTTP ${status} to the question for a token${said && ` (${said})`}`)
    const message = `${http.title} gives Mortise no token (${said}). ${cure}`
    return new CloudError('root-key', message, { status, code, transient: false })
  }
}

/** The answer of an authorization server (RFC 6749 §5), or of a metadata service. */
const token = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  // Azure's metadata service writes the number as text.
  expires_in: z.coerce.number().positive(),
})

/** undefined: the answer has no token. */
function readOAuthToken(json: unknown): { readonly token: string; readonly seconds: number } | undefined {
  const read = token.safeParse(json).data
  return read && { token: read.access_token, seconds: read.expires_in }
}

const refusal = z.object({
  error: z.string(),
  error_description: z
    .string()
    .transform((text) => text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 300))
    .catch(''),
})

interface OAuthRefusal {
  readonly code: string
  readonly words: string
}

/** undefined: no authorization server wrote this answer. */
function readOAuthRefusal(json: unknown): OAuthRefusal | undefined {
  const read = refusal.safeParse(json).data
  return read && { code: read.error, words: read.error_description }
}
