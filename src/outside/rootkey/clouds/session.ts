// Makes calls to one service of root keys with our access. Repeats a call, after pauses, while there is no answer, and makes it once
// more with other credentials when the service refuses ours. The service's CloudApi reads its refusals.

import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../../../core/ports/clock.ts'
import type { CorrelationIds } from '../../../core/ports/root-key.ts'
import { CallSlots, type CallKind } from '../https/call-slots.ts'
import type { HttpAnswer } from '../https/exchange.ts'
import { Repeats } from '../https/repeats.ts'
import { parseWithSecret, type ParsedAnswer } from '../https/secret-json.ts'
import { CloudError, unanswered, type CloudRefusal } from './error.ts'
import type { CloudHttp } from './http.ts'

/** The parts of a call. `authorize` of the CloudApi adds our access. */
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
  /** Whether the answer arrived undamaged, for services whose answers can be checked. If not, Mortise repeats the call. */
  readonly isWhole?: (answer: ParsedAnswer) => boolean
}

type CloudAnswer = ParsedAnswer & { readonly status: number }

export interface CloudApi {
  /** The headers of the call with our access in them. Throws RootKeyError. */
  authorize(call: CloudCall, leftMs: number): Promise<Readonly<Record<string, string>>>
  /**
   * For a call that the service refused because of our access. `shown`: its headers from `authorize`. Returns whether another try is
   * worth it, with new credentials or with those that another call got meanwhile.
   */
  renewAccess(shown: Readonly<Record<string, string>>): boolean
  /** undefined: the service did not write this answer, but for instance a proxy in front of it. */
  readRefusal(call: CloudCall, answer: HttpAnswer): CloudRefusal | undefined
  /** The id by which the service finds the call in its own records. undefined: the answer has none. */
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

/** The constructor of each service of root keys takes these. */
export interface CloudSurroundings {
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after' | 'sleep'>
  readonly onCall?: ((made: CloudCallMade) => void) | undefined
}

/** The service that has a key: how to call it, and how to name it. */
export interface CloudPlace {
  readonly session: CloudSession
  /** https://HOST[:PORT] */
  readonly endpoint: URL
  /** The name of the service, as it reads in a sentence. */
  readonly title: string
}

interface SessionOptions extends CloudSurroundings {
  readonly http: CloudHttp
  readonly api: CloudApi
}

export class CloudSession {
  readonly #options: SessionOptions
  readonly #slots: CallSlots
  readonly #repeats: Repeats

  constructor(options: SessionOptions) {
    this.#options = options
    this.#slots = new CallSlots(() => options.clock.monotonic())
    const { clock, http } = options
    this.#repeats = new Repeats({ clock, quietFor: (seconds) => askedForQuiet(http.title, seconds) })
  }

  /** Returns the answer of a success; its secret is not in `json` but in `secret`. Throws RootKeyError. */
  call(call: CloudCall, correlationIds?: CorrelationIds): Promise<ParsedAnswer> {
    return this.#slots.run(() => this.#repeat(call, correlationIds), call)
  }

  #repeat(call: CloudCall, correlationIds: CorrelationIds | undefined): Promise<CloudAnswer> {
    const { api, http, onCall } = this.#options
    let renewed = false
    let shown: Readonly<Record<string, string>> = {}
    return this.#repeats.run<CloudAnswer>({
      attempt: async (leftMs) => {
        shown = await api.authorize(call, leftMs())
        return this.#attempt(call, shown, leftMs, correlationIds)
      },
      again: (error) => {
        if (!(error instanceof CloudError)) return 'never'
        if (error.access && !renewed && api.renewAccess(shown)) {
          renewed = true
          return 'at once'
        }
        return error.transient ? 'after a pause' : 'never'
      },
      ended: (outcome, about) => {
        const reported = 'answer' in outcome ? { status: outcome.answer.status, code: null } : outcome.error
        if (reported instanceof Error && !(reported instanceof CloudError)) return
        const { status, code } = reported as Pick<CloudCallMade, 'status' | 'code'>
        onCall?.({ service: http.title, call: call.name, status, code, ...about })
      },
    })
  }

  async #attempt(
    call: CloudCall,
    headers: Readonly<Record<string, string>>,
    leftMs: () => number,
    correlationIds: CorrelationIds | undefined,
  ): Promise<CloudAnswer> {
    const { api, http } = this.#options
    const { method, url, body } = call
    const answer = await http.ask({ method, url, headers, timeoutMs: leftMs(), ...(body && { body }) })
    if (answer.status < 200 || answer.status >= 300) {
      addId(correlationIds, api.requestIdOf(answer.headers, undefined))
      throw this.#refused(call, answer)
    }
    const parsed = parseWithSecret(answer.body, call.secret ?? '')
    if (parsed.json === undefined) throw unanswered(http.title, 'what it answers is not JSON')
    addId(correlationIds, api.requestIdOf(answer.headers, parsed.json))
    if (call.isWhole?.(parsed) === false) {
      parsed.secret?.fill(0)
      throw unanswered(
        http.title,
        `its answer to ${call.name} is not what it should be, or was damaged on its way`,
      )
    }
    return { ...parsed, status: answer.status }
  }

  #refused(call: CloudCall, answer: HttpAnswer): CloudError {
    const { api, http } = this.#options
    const { status, headers } = answer
    const refusal = api.readRefusal(call, answer)
    if (!refusal) {
      if (status === 429 || status === 503) this.#repeats.beQuiet(status, headers['retry-after'])
      return unanswered(http.title, `HTTP ${status}, but not as the service answers`)
    }
    const { reach, message, transient = false, ...about } = refusal
    if (transient) this.#repeats.beQuiet(status, headers['retry-after'])
    return new CloudError(reach, message, { ...about, status, transient })
  }
}

function askedForQuiet(title: string, seconds: number): CloudError {
  const why = `it asked not to be called for ${seconds} s more`
  return new CloudError('unreachable', `${title}: ${why}`, { status: null, code: why, transient: false })
}

function addId(correlationIds: CorrelationIds | undefined, id: string | undefined): void {
  if (id !== undefined) correlationIds?.add(id)
}
