// Conversation with one service of root keys: calls with our access, repeated with pauses while there is no answer, and made
// again once with other credentials when these are refused. What a service's calls and refusals are, its CloudApi knows.

import { randomInt } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { limits } from '../../limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CorrelationIds } from '../../ports/root-key.ts'
import { CallSlots, type CallKind } from '../https/call-slots.ts'
import type { Answer } from '../https/exchange.ts'
import { parseWithSecret, type ParsedAnswer } from '../https/secret-json.ts'
import { CloudError, unanswered, type CloudRefusal } from './error.ts'
import type { CloudHttp } from './http.ts'

/** A call sends this, and our access beside it. */
export interface CloudCall extends CallKind {
  /** For the log. */
  readonly name: string
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** The caller wipes it afterwards. */
  readonly body?: Buffer
  /** The field of the answer that is a secret, as parseWithSecret takes it. */
  readonly secret?: string
}

export interface CloudApi {
  /** The headers of the call with our access in them. Throws RootKeyError. */
  authorize(call: CloudCall, leftMs: number): Promise<Readonly<Record<string, string>>>
  /** After a refusal of our access: whether other credentials are worth a try. */
  renewAccess(): boolean
  /** undefined: the service did not write this answer, as where a proxy stands between. */
  readRefusal(call: CloudCall, answer: Answer): CloudRefusal | undefined
  /** By which the service finds the call in its own records; undefined where it says none. */
  requestIdOf(headers: IncomingHttpHeaders, json: unknown): string | undefined
}

/** One call that was made, answered or not; for the log. Carries no secret. */
export interface CloudCallMade {
  readonly service: string
  readonly call: string
  readonly status: number | null
  /** The code of a refusal, or why there was no answer; null for a success. */
  readonly code: string | null
  readonly attempt: number
  readonly repeated: boolean
  readonly ms: number
}

interface SessionOptions {
  readonly http: CloudHttp
  readonly api: CloudApi
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly onCall?: ((made: CloudCallMade) => void) | undefined
}

export class CloudSession {
  readonly #options: SessionOptions
  readonly #slots: CallSlots
  /** Monotonic milliseconds: the service asked not to be called before. */
  #quietUntil = -Infinity

  constructor(options: SessionOptions) {
    this.#options = options
    this.#slots = new CallSlots(() => options.clock.monotonic())
  }

  /** The answer of a success, its secret cut out. Throws RootKeyError. */
  call(call: CloudCall, correlationIds?: CorrelationIds): Promise<ParsedAnswer> {
    return this.#slots.run(() => this.#repeat(call, correlationIds), call)
  }

  async #repeat(call: CloudCall, correlationIds: CorrelationIds | undefined): Promise<ParsedAnswer> {
    const { clock, api, http, onCall } = this.#options
    const deadline = clock.monotonic() + limits.rootKeyCallTimeoutMs
    let freshened = false
    for (let attempt = 1; ; attempt++) {
      await this.#waitWhileQuiet(deadline)
      const began = clock.monotonic()
      const made = (ending: Pick<CloudCallMade, 'status' | 'code' | 'repeated'>) =>
        onCall?.({ service: http.title, call: call.name, attempt, ms: clock.monotonic() - began, ...ending })
      try {
        const { status, ...answer } = await this.#attempt(call, deadline, correlationIds)
        made({ status, code: null, repeated: false })
        return answer
      } catch (error) {
        if (!(error instanceof CloudError)) throw error
        const { status, code } = error
        const again = error.access && !freshened && api.renewAccess()
        const repeated = again || this.#mayRepeat(error, attempt, deadline)
        made({ status, code, repeated })
        if (!repeated) throw error
        if (again) freshened = true
        else await clock.sleep(pauseBefore(attempt))
      }
    }
  }

  #mayRepeat({ transient }: CloudError, attempt: number, deadline: number): boolean {
    const untilMs = Math.max(this.#quietUntil, this.#options.clock.monotonic() + 2 * pauseBefore(attempt))
    return transient && attempt < limits.rootKeyTriesMax && untilMs < deadline
  }

  async #attempt(call: CloudCall, deadline: number, correlationIds: CorrelationIds | undefined) {
    const { clock, api, http } = this.#options
    const leftMs = () => Math.max(1, deadline - clock.monotonic())
    const headers = await api.authorize(call, leftMs())
    const { method, url, body } = call
    const answer = await http.ask({ method, url, headers, timeoutMs: leftMs(), ...(body && { body }) })
    if (answer.status < 200 || answer.status >= 300) {
      addId(correlationIds, api.requestIdOf(answer.headers, undefined))
      throw this.#refused(call, answer)
    }
    const parsed = parseWithSecret(answer.body, call.secret ?? '')
    if (parsed.json === undefined) throw unanswered(http.title, 'what it answers is not JSON')
    addId(correlationIds, api.requestIdOf(answer.headers, parsed.json))
    return { ...parsed, status: answer.status }
  }

  #refused(call: CloudCall, answer: Answer): CloudError {
    const { api, http } = this.#options
    const { status, headers } = answer
    const refusal = api.readRefusal(call, answer)
    if (!refusal) {
      if (status === 429 || status === 503) this.#beQuiet(status, headers['retry-after'])
      return unanswered(http.title, `HTTP ${status}, but not as the service answers`)
    }
    const { reach, message, transient = false, ...about } = refusal
    if (transient) this.#beQuiet(status, headers['retry-after'])
    return new CloudError(reach, message, { ...about, status, transient })
  }

  async #waitWhileQuiet(deadline: number): Promise<void> {
    const { clock, http } = this.#options
    const quietMs = this.#quietUntil - clock.monotonic()
    if (quietMs <= 0) return
    if (this.#quietUntil >= deadline) {
      const why = `it asked not to be called for ${Math.ceil(quietMs / 1000)} s more`
      throw new CloudError('unreachable', `${http.title}: ${why}`, {
        status: null,
        code: why,
        transient: false,
      })
    }
    await clock.sleep(quietMs + randomInt(limits.rootKeyPauseMs))
  }

  /** `retryAfter` has seconds; a date is not understood and does not matter. */
  #beQuiet(status: number, retryAfter: string | undefined): void {
    const askedMs = Math.min(Number(retryAfter ?? 0) * 1000 || 0, limits.rootKeyQuietMs)
    const quietMs = Math.max(askedMs, status === 429 ? limits.rootKeyPauseMs : 0)
    this.#quietUntil = Math.max(this.#quietUntil, this.#options.clock.monotonic() + quietMs)
  }
}

/** Up to twice as long by chance. */
function pauseBefore(attempt: number): number {
  const pauseMs = limits.rootKeyPauseMs * 2 ** (attempt - 1)
  return pauseMs + randomInt(pauseMs)
}

function addId(correlationIds: CorrelationIds | undefined, id: string | undefined): void {
  if (id !== undefined) correlationIds?.add(id)
}
