// Makes calls to one Key Protect or HPCS instance as one service ID: holds a token and a few connections, sets time-outs, and repeats
// calls after random pauses while there is no answer. Knows the API's calls and errors, not root keys.

import { randomUUID } from 'node:crypto'
import type { Agent } from 'node:https'
import type { Clock } from '../../../core/ports/clock.ts'
import { StandardKeyUncertain, type CorrelationIds } from '../../../core/ports/root-key.ts'
import { parseJson } from './answers.ts'
import { callOf, type CallName, type IamRole } from './calls.ts'
import { CallSlots, callLane, type CallLane, type LaneLoad } from '../https/call-slots.ts'
import { isAboutToken, isMaybeDone, isTransient, KeyProtectError, reachOf, readRefusal } from './error.ts'
import { exchange, NoAnswer, serviceAgent, type HttpAnswer } from '../https/exchange.ts'
import { Repeats, type TryMade } from '../https/repeats.ts'
import { caVariable } from './hosts.ts'
import { Iam, type IamToken } from './iam.ts'
import { explainRefusal, remedyOf } from './refusal-messages.ts'
import { parseWithSecret, type ParsedAnswer } from '../https/secret-json.ts'
import { services, type KeyProtectUri } from './uri.ts'
import { standardKeyLookAfterMs } from '../../../base/bounds.ts'

/** For this long after a standard key was made, another node of the service may not know it. */
export const standardKeyUnknownMs = 5_000

/**
 * Remembers the standard keys that this server has just made. Another node of the service may not know them yet and answer that they do
 * not exist: JustMade asks again for some seconds before it believes such an answer.
 */
export class JustMade {
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  /** By id of the standard key, oldest first: the monotonic milliseconds until which `ask` repeats a call that does not find the key. */
  readonly #untilMs = new Map<string, number>()

  constructor(clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#clock = clock
  }

  add(id: string): void {
    const now = this.#clock.monotonic()
    for (const [known, untilMs] of this.#untilMs) {
      if (untilMs > now) break
      this.#untilMs.delete(known)
    }
    this.#untilMs.set(id, now + standardKeyUnknownMs)
  }

  /** Makes a call that is about this standard key, and repeats it while a key just made is not found. Throws what the call throws. */
  async ask<T>(id: string, call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        const isUnknown = error instanceof KeyProtectError && error.refusal?.status === 404
        if (!isUnknown || this.#clock.monotonic() >= (this.#untilMs.get(id) ?? -Infinity)) throw error
      }
      await this.#clock.sleep(standardKeyLookAfterMs)
    }
  }
}

/** One call that was made, answered or not; for the log and the audit. Carries no secret. */
export interface CallMade extends TryMade {
  readonly call: CallName
  /** The service instance's id. */
  readonly instance: string
  /** The key's id or alias; null for a call that names no key. */
  readonly key: string | null
  /** HTTP status; null where there was no answer. */
  readonly status: number | null
  /** `reasons[0].code` of a refusal, or why there was no answer; null for a success. */
  readonly code: string | null
  /** The id by which IBM finds the call in its own records. */
  readonly correlationId: string
}

export interface SessionOptions {
  readonly target: Pick<KeyProtectUri, 'scheme' | 'host' | 'instance'>
  readonly iamUrl: string
  /** PEM; only these CAs are trusted, for IAM too. undefined: those of Node.js. */
  readonly ca: string | undefined
  /** Rejects with RootKeyError. */
  readonly apiKey: () => Promise<string>
  readonly clock: Pick<Clock, 'monotonic' | 'after' | 'sleep'>
  /** The role to advise where one is missing; left out: the least that the refused call takes. */
  readonly advises?: IamRole
  readonly onCall?: (made: CallMade) => void
}

export interface KeyProtectAnswer extends ParsedAnswer {
  /** How many keys a list has on all its pages; left out: the service does not say. */
  readonly keyTotal?: number
}

export interface KeyProtectQuery {
  readonly key?: string
  readonly keyRing?: string | undefined
  readonly query?: Readonly<Record<string, string>>
  /** The caller wipes it afterwards. */
  readonly body?: Buffer
  /** Gets the correlation id of the call before Mortise sends it. Without a token Mortise sends nothing, and adds no id. */
  readonly correlationIds?: CorrelationIds | undefined
}

/** A call with all its attempts. */
interface Call {
  readonly name: CallName
  readonly question: KeyProtectQuery
  readonly correlationId: string
  /** Set by an attempt whose token was refused. */
  refusedToken: IamToken | undefined
  /** An attempt of this call had its token refused already, and asked for another one. */
  freshened: boolean
}

export class KeyProtectSession {
  /** The standard keys that Mortise has just made through this session. */
  readonly justMade: JustMade
  readonly #options: SessionOptions
  readonly #agent: Agent
  readonly #iam: Iam
  readonly #slots: CallSlots
  /** One for each lane, so that clients' Gets do not wait where the service asks for fewer of the other calls. */
  readonly #repeats: Readonly<Record<CallLane, Repeats>>
  #serviceNowMs: number | null = null
  /** The service did a call for us, or refused one with a code of its own: the instance exists, and we have some access to it. */
  #admitted = false

  constructor(options: SessionOptions) {
    this.#options = options
    this.#agent = serviceAgent(options.ca)
    this.justMade = new JustMade(options.clock)
    this.#iam = new Iam({ ...options, agent: this.#agent })
    this.#slots = new CallSlots(() => options.clock.monotonic())
    const { clock, target } = options
    const repeats = () => new Repeats({ clock, quietFor: (seconds) => askedForQuiet(target, seconds) })
    this.#repeats = { reads: repeats(), others: repeats() }
  }

  /** The service's clock at its last answer, in milliseconds since 1970; null: it has not answered yet. */
  get serviceNowMs(): number | null {
    return this.#serviceNowMs
  }

  get target(): SessionOptions['target'] {
    return this.#options.target
  }

  /** The host that calls wait for now: the service's, or IAM's. */
  get awaitedHost(): string {
    return this.#iam.awaitedHost ?? this.target.host
  }

  /** The calls that are under way. */
  get load(): readonly LaneLoad[] {
    return this.#slots.load
  }

  /**
   * Returns the answer of a success. Its secret is not in `json` but in `secret`. `json` is `{}` for the status 204, which has no body.
   * Throws KeyProtectError, a RootKeyError for an API key that cannot be read, StandardKeyUncertain for a `create` without an answer.
   */
  call(name: CallName, question: KeyProtectQuery = {}): Promise<KeyProtectAnswer> {
    return this.#slots.run(() => this.#repeat(name, question), callOf(name))
  }

  /** Ends calls under way and closes all connections. */
  close(): void {
    this.#agent.destroy()
  }

  async #repeat(name: CallName, question: KeyProtectQuery): Promise<KeyProtectAnswer> {
    const { target, onCall } = this.#options
    const call: Call = {
      name,
      question,
      correlationId: randomUUID(),
      refusedToken: undefined,
      freshened: false,
    }
    const made = { call: name, instance: target.instance, key: question.key ?? null }
    try {
      const { status: _, ...answer } = await this.#repeats[callLane(callOf(name))].run({
        attempt: (leftMs) => this.#attempt(call, leftMs),
        again: (error) => this.#again(call, error),
        ended: (outcome, about) => {
          const { correlationId } = call
          const ending =
            'answer' in outcome ? { status: outcome.answer.status, code: null } : endingOf(outcome.error)
          onCall?.({ ...made, correlationId, ...ending, ...about })
        },
      })
      return answer
    } catch (error) {
      throw uncertain(error, call)
    }
  }

  /** A call whose token the service refused is made again at once, one time, with another token. */
  #again(call: Call, error: unknown): 'at once' | 'after a pause' | 'never' {
    const { refusedToken } = call
    if (refusedToken) {
      const again = !call.freshened && this.#iam.refuse(refusedToken)
      call.freshened = true
      call.refusedToken = undefined
      return again ? 'at once' : 'never'
    }
    const isTransient = error instanceof KeyProtectError && error.transient
    return isTransient && !isUncertain(error, call) ? 'after a pause' : 'never'
  }

  /** Throws KeyProtectError, and RootKeyError for an API key that cannot be read. */
  async #attempt(call: Call, leftMs: () => number): Promise<KeyProtectAnswer & { readonly status: number }> {
    const token = await this.#iam.token(leftMs())
    let answer: HttpAnswer
    try {
      call.question.correlationIds?.add(call.correlationId)
      answer = await exchange(this.#question(call, token, leftMs()))
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      throw this.#noAnswer(call, error.message, error.sent, error)
    }
    const { status, headers, body } = answer
    const date = Date.parse(headers.date ?? '')
    if (!Number.isNaN(date)) this.#serviceNowMs = date
    if (status < 200 || status >= 300) throw this.#refused(call, token, { status, headers, body })
    const { secret } = callOf(call.name)
    const parsed =
      status === 204
        ? { json: {}, secret: undefined }
        : secret === undefined
          ? { json: parseJson(body), secret: undefined }
          : parseWithSecret(body, secret)
    if (parsed.json === undefined) throw this.#noAnswer(call, 'what it answers is not JSON', true)
    this.#admitted = true
    const total = headers['key-total']
    const keyTotal = typeof total === 'string' && /^\d{1,9}$/.test(total) ? Number(total) : undefined
    return { ...parsed, status, ...(keyTotal !== undefined && { keyTotal }) }
  }

  #question({ name, question, correlationId }: Call, { bearer }: IamToken, timeoutMs: number) {
    const { target, clock } = this.#options
    const { method, path, sends, prefers } = callOf(name)
    const url = new URL(`https://${target.host}/api/v2${path.replace('{key}', question.key ?? '')}`)
    url.search = new URLSearchParams(question.query).toString()
    const headers = {
      Accept: 'application/json',
      Authorization: `Bearer ${bearer}`,
      'Bluemix-Instance': target.instance,
      'Correlation-Id': correlationId,
      ...(question.keyRing !== undefined && { 'X-Kms-Key-Ring': question.keyRing }),
      ...(sends !== undefined && { 'Content-Type': sends }),
      ...(prefers !== undefined && { Prefer: prefers }),
    }
    const body = question.body && { body: question.body }
    return { agent: this.#agent, method, url, headers, timeoutMs, clock, caVariable, ...body }
  }

  #noAnswer(
    { name: call, correlationId }: Call,
    why: string,
    maybeDone: boolean,
    cause?: Error,
  ): KeyProtectError {
    const { scheme, host } = this.#options.target
    const message = `${services[scheme].title} at ${host} cannot be reached: ${why}`
    const about = { call, refusal: undefined, correlationId, transient: true, maybeDone, cause }
    return new KeyProtectError('unreachable', message, about)
  }

  #refused(call: Call, token: IamToken, { status, headers, body }: HttpAnswer): KeyProtectError {
    const refusal = readRefusal(status, body)
    if (!refusal) return this.#noAnswer(call, `HTTP ${status}, but not as the service answers`, true)
    if (isAboutToken(refusal)) call.refusedToken = token
    else if (status < 500 && refusal.code !== '') this.#admitted = true
    const { target, advises } = this.#options
    const { name, question, correlationId } = call
    if (isTransient(refusal)) this.#repeats[callLane(callOf(name))].beQuiet(status, headers['retry-after'])
    const message = explainRefusal({
      target,
      call: name,
      key: question.key,
      keyRing: question.keyRing,
      refusal,
      subject: token.subject,
      correlationId,
      admitted: this.#admitted,
      ...(advises && { advises }),
    })
    return new KeyProtectError(reachOf(name, refusal), message, {
      call: name,
      refusal,
      correlationId,
      transient: isTransient(refusal),
      maybeDone: isMaybeDone(refusal),
      remedy: remedyOf(refusal, target),
    })
  }
}

/** Whether the service may have done a call that must not be done twice. */
function isUncertain(error: unknown, { name }: Call): error is KeyProtectError {
  return callOf(name).once === true && error instanceof KeyProtectError && error.maybeDone
}

function uncertain(error: unknown, call: Call): unknown {
  if (!isUncertain(error, call)) return error
  const message = `${error.message}. Whether the standard key was made is not known`
  return new StandardKeyUncertain(message, { cause: error })
}

function askedForQuiet({ scheme, host }: SessionOptions['target'], seconds: number): KeyProtectError {
  const message = `${services[scheme].title} at ${host} asked not to be called for ${seconds} s more`
  const about = { call: 'token', refusal: undefined, correlationId: '', transient: false } as const
  return new KeyProtectError('unreachable', message, about)
}

/**
 * For the log: HTTP status, and the reason of a failure. A call for which IAM gave no token never came to its service: `correlationId` is
 * then the id by which IBM finds IAM's answer.
 */
function endingOf(error: unknown): Pick<CallMade, 'status' | 'code'> & { readonly correlationId?: string } {
  const { refusal, call, correlationId = '' } = error instanceof KeyProtectError ? error : {}
  const code = error instanceof Error ? error.message : String(error)
  if (call === 'token') return { status: null, code, correlationId }
  return refusal ? { status: refusal.status, code: refusal.code } : { status: null, code }
}
