// Conversation with one Key Protect or HPCS instance as one service ID: a token, a few kept connections, time-outs,
// and calls that are repeated with jitter while there is no answer. Knows the API's calls and errors, not root keys.

import { randomInt, randomUUID } from 'node:crypto'
import { Agent } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../../limits.ts'
import type { Clock } from '../../ports/clock.ts'
import { RootKeyError, StandardKeyUncertain, type Trail } from '../../ports/root-key.ts'
import { callOf, type CallName, type Role } from './calls.ts'
import { aboutToken, isTransient, KeyProtectError, reachOf } from './error.ts'
import { exchange, NoAnswer } from './exchange.ts'
import { Iam, type Token } from './iam.ts'
import { ending, maybeDone, outcomeOf, pause, transient, type Outcome } from './outcome.ts'
import { explainRefusal } from './remedies.ts'
import type { ParsedAnswer } from './secret-json.ts'
import { Slots } from './slots.ts'
import { services, type KeyProtectUri } from './uri.ts'

/** One call that was made, answered or not; for the log and the audit. Carries no secret. */
export interface CallMade {
  readonly call: CallName
  /** Of the service instance. */
  readonly instance: string
  /** Id or alias; null for calls on none. */
  readonly key: string | null
  /** HTTP status; null where there was no answer. */
  readonly status: number | null
  /** `reasons[0].code` of a refusal, or why there was no answer; null for a success. */
  readonly code: string | null
  /** By which IBM finds the call in its own records. */
  readonly correlationId: string
  /** 1, and more when it was repeated. */
  readonly attempt: number
  /** It will be made again. */
  readonly repeated: boolean
  readonly ms: number
}

export interface SessionOptions {
  readonly target: Pick<KeyProtectUri, 'scheme' | 'host' | 'instance'>
  readonly iamUrl: string
  /** PEM; only these CAs are trusted, for IAM too. undefined: those of Node.js. */
  readonly ca: string | undefined
  /** Rejects with RootKeyError. */
  readonly apiKey: () => Promise<string>
  readonly clock: Pick<Clock, 'monotonic'>
  /** The role to advise where one is missing; left out: the least that the refused call takes. */
  readonly advises?: Role
  readonly onCall?: (made: CallMade) => void
}

export interface Asked {
  readonly key?: string
  readonly keyRing?: string | undefined
  readonly query?: Readonly<Record<string, string>>
  /** The caller wipes it afterwards. */
  readonly body?: Buffer
  /** Gets the correlation id of the call, once something was sent. */
  readonly trail?: Trail | undefined
}

export class Session {
  readonly #options: SessionOptions
  readonly #agent: Agent
  readonly #iam: Iam
  readonly #slots = new Slots(limits.keyProtectCallsMax)
  /** Monotonic: after a 429 nobody asks before. */
  #quietUntil = -Infinity
  #serviceNowMs: number | null = null

  constructor(options: SessionOptions) {
    this.#options = options
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: limits.keyProtectCallsMax,
      timeout: limits.keyProtectIdleMs,
      minVersion: 'TLSv1.2',
      ...(options.ca !== undefined && { ca: options.ca }),
    })
    this.#iam = new Iam({ ...options, agent: this.#agent })
  }

  /** What the service's clock said with its last answer, in milliseconds since 1970; null: nothing yet. */
  get serviceNowMs(): number | null {
    return this.#serviceNowMs
  }

  get target(): SessionOptions['target'] {
    return this.#options.target
  }

  /**
   * The answer of a success, with the secret in it cut out; `{}` where it has no body. Throws KeyProtectError, a
   * RootKeyError for an API key that cannot be read, StandardKeyUncertain for a `create` that was not answered.
   */
  call(name: CallName, asked: Asked = {}): Promise<ParsedAnswer> {
    return this.#slots.use(() => this.#persist(name, asked), callOf(name))
  }

  /** Ends what runs. */
  close(): void {
    this.#agent.destroy()
  }

  /** Repeats what may be otherwise in a moment, until it is answered or time or tries are used up. */
  async #persist(name: CallName, asked: Asked): Promise<ParsedAnswer> {
    const { clock } = this.#options
    const deadline = clock.monotonic() + limits.keyProtectCallTimeoutMs
    const correlationId = randomUUID()
    let freshened = false
    for (let attempt = 1; ; attempt++) {
      await this.#waitWhileQuiet(name, deadline)
      const began = clock.monotonic()
      const outcome = await this.#once(name, asked, correlationId, deadline - began)
      const ms = clock.monotonic() - began
      const pauseMs = this.#pauseBefore(attempt + 1, { name, outcome, deadline, freshened })
      this.#tell(name, asked, outcome, { correlationId, attempt, ms, repeated: pauseMs !== undefined })
      if (outcome.kind === 'done') return outcome.answer
      if (pauseMs === undefined) throw this.#failure(name, asked, outcome, correlationId)
      freshened ||= outcome.kind === 'refused' && aboutToken(outcome.refusal)
      await sleep(pauseMs)
    }
  }

  /** Milliseconds until the call is worth another attempt; undefined: it is not. */
  #pauseBefore(
    attempt: number,
    {
      name,
      outcome,
      deadline,
      freshened,
    }: Readonly<{
      name: CallName
      outcome: Outcome
      deadline: number
      freshened: boolean
    }>,
  ): number | undefined {
    if (outcome.kind === 'refused' && aboutToken(outcome.refusal))
      return !freshened && this.#iam.refuse(outcome.token, outcome.refusal.status) ? 0 : undefined
    if (!transient(outcome) || this.#isUncertain(name, outcome)) return undefined
    const stale = outcome.kind === 'nothing' && outcome.stale
    const ms = Math.max(stale ? 0 : pause(attempt - 1), outcome.kind === 'refused' ? outcome.waitMs : 0)
    const until = this.#options.clock.monotonic() + ms
    if (outcome.kind === 'refused' && outcome.refusal.status === 429)
      this.#quietUntil = Math.max(this.#quietUntil, until)
    return attempt <= limits.keyProtectTriesMax && until < deadline ? ms : undefined
  }

  /** Done twice it would be wrong, and it may have been done. */
  #isUncertain(name: CallName, outcome: Outcome): boolean {
    return callOf(name).once === true && maybeDone(outcome)
  }

  async #waitWhileQuiet(call: CallName, deadline: number): Promise<void> {
    const now = this.#options.clock.monotonic()
    const quietMs = this.#quietUntil - now
    if (quietMs <= 0) return
    if (this.#quietUntil >= deadline) {
      const { scheme, host } = this.#options.target
      const message = `${services[scheme].title} at ${host} asked not to be called for ${Math.ceil(quietMs / 1000)} s more`
      const about = { call, refusal: undefined, correlationId: '', transient: true }
      throw new KeyProtectError('unreachable', message, about)
    }
    await sleep(quietMs + randomInt(limits.keyProtectPauseMs))
  }

  async #once(name: CallName, asked: Asked, correlationId: string, timeoutMs: number): Promise<Outcome> {
    const { target, clock } = this.#options
    const began = clock.monotonic()
    let token: Token
    try {
      token = await this.#iam.token(Math.max(1, timeoutMs))
    } catch (error) {
      if (error instanceof RootKeyError) return { kind: 'no-token', error }
      throw error
    }
    const { method, path, sends, prefers, secret } = callOf(name)
    const url = new URL(`https://${target.host}/api/v2${path.replace('{key}', asked.key ?? '')}`)
    url.search = new URLSearchParams(asked.query).toString()
    const headers = {
      Accept: 'application/json',
      Authorization: `Bearer ${token.bearer}`,
      'Bluemix-Instance': target.instance,
      'Correlation-Id': correlationId,
      ...(asked.keyRing !== undefined && { 'X-Kms-Key-Ring': asked.keyRing }),
      ...(sends !== undefined && { 'Content-Type': sends }),
      ...(prefers !== undefined && { Prefer: prefers }),
    }
    const leftMs = Math.max(1, timeoutMs - (clock.monotonic() - began))
    const question = { agent: this.#agent, method, url, headers, timeoutMs: leftMs }
    try {
      asked.trail?.add(correlationId)
      const answer = await exchange({ ...question, ...(asked.body && { body: asked.body }) })
      const date = Date.parse(answer.headers.date ?? '')
      if (!Number.isNaN(date)) this.#serviceNowMs = date
      return outcomeOf(answer, token, secret)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      const { message, stale, sent } = error
      return { kind: 'nothing', why: message, stale, sent, cause: error }
    }
  }

  #tell(
    call: CallName,
    asked: Asked,
    outcome: Outcome,
    made: Pick<CallMade, 'correlationId' | 'attempt' | 'ms' | 'repeated'>,
  ): void {
    const about = { call, instance: this.#options.target.instance, key: asked.key ?? null, ...made }
    this.#options.onCall?.({ ...about, ...ending(outcome), ...refusedTokenId(outcome) })
  }

  #failure(
    call: CallName,
    asked: Asked,
    outcome: Exclude<Outcome, { kind: 'done' }>,
    correlationId: string,
  ): RootKeyError {
    if (outcome.kind === 'no-token') return outcome.error
    const error = this.#error(call, asked, outcome, correlationId)
    if (!this.#isUncertain(call, outcome)) return error
    const message = `${error.message}. Whether the standard key was made is not known`
    return new StandardKeyUncertain(message, { cause: error })
  }

  #error(
    call: CallName,
    asked: Asked,
    outcome: Extract<Outcome, { kind: 'nothing' | 'refused' }>,
    correlationId: string,
  ): KeyProtectError {
    const { target, advises } = this.#options
    if (outcome.kind === 'nothing') {
      const message = `${services[target.scheme].title} at ${target.host} cannot be reached: ${outcome.why}`
      const about = { call, refusal: undefined, correlationId, transient: true, cause: outcome.cause }
      return new KeyProtectError('unreachable', message, about)
    }
    const { refusal, token } = outcome
    const { key, keyRing } = asked
    const { subject } = token
    const refused = { target, call, key, keyRing, refusal, subject, correlationId }
    const message = explainRefusal({ ...refused, ...(advises && { advises }) })
    const about = { call, refusal, correlationId, transient: isTransient(refusal) }
    return new KeyProtectError(reachOf(call, refusal), message, about)
  }
}

/** A call for which there was no token never came to its service: IBM finds IAM's refusal instead. */
function refusedTokenId(outcome: Outcome): Pick<CallMade, 'correlationId'> | undefined {
  const error = outcome.kind === 'no-token' ? outcome.error : undefined
  return error instanceof KeyProtectError ? { correlationId: error.correlationId } : undefined
}
