// The sessions of this process: one for each Mortise instance and service that it speaks to, so that a root key opened
// again uses the token and the connections that are there. Made by the composition root, closed with it.

import type { Clock } from '../../../core/ports/clock.ts'
import { rootKeyCallTimeoutMs } from '../bounds.ts'
import type { IamRole } from './calls.ts'
import type { LaneLoad } from '../https/call-slots.ts'
import { requireIbmHost } from './hosts.ts'
import type { Rewrapped } from './root-key.ts'
import { KeyProtectSession, type CallMade } from './session.ts'
import type { KeyProtectUri } from './uri.ts'

export interface KeyProtectOptions {
  /** Base URL of IAM; `/identity/token` is appended. */
  readonly iamUrl: string
  /** PEM; only these CAs are trusted. undefined: those of Node.js. */
  readonly ca?: string
  /**
   * The API key of an instance's service ID for a service instance; null: the server itself. Asked for with each new
   * token, at most once an hour or so. Rejects with RootKeyError.
   */
  readonly apiKey: (instanceId: string | null, service: string) => Promise<string>
  readonly clock: Pick<Clock, 'monotonic' | 'after' | 'sleep'>
  /** The role to advise where one is missing; left out: the least that the refused call takes. */
  readonly advises?: IamRole
  /** Each call that was made, repeated ones too; for log and audit. */
  readonly onCall?: (made: CallMade & { readonly instanceId: string | null }) => void
  /** A secret came back under a newer key version. */
  readonly onRewrapped?: (event: Rewrapped & { readonly instanceId: string | null }) => void
}

/** The calls of one Mortise instance (null: the server itself) to one service instance. */
export interface SessionLoad {
  readonly instanceId: string | null
  /** The host that the calls wait for: the service's, or IAM's. */
  readonly host: string
  readonly lanes: readonly LaneLoad[]
}

export class KeyProtectSessions {
  readonly options: KeyProtectOptions
  /** No new calls, but some may run. */
  readonly #forgotten = new Set<KeyProtectSession>()
  readonly #sessions = new Map<
    string,
    { readonly session: KeyProtectSession; readonly instanceId: string | null }
  >()

  constructor(options: KeyProtectOptions) {
    this.options = options
  }

  /** Throws RootKeyError for a host that no token may be sent to. */
  session(target: KeyProtectUri, instanceId: string | null): KeyProtectSession {
    const { scheme, host, instance } = target
    if (this.options.ca === undefined) requireIbmHost(host)
    const name = JSON.stringify([instanceId, scheme, host, instance])
    const known = this.#sessions.get(name)
    if (known) return known.session
    const { onCall, advises } = this.options
    const session = new KeyProtectSession({
      target: { scheme, host, instance },
      iamUrl: this.options.iamUrl,
      ca: this.options.ca,
      apiKey: () => this.options.apiKey(instanceId, instance),
      clock: this.options.clock,
      ...(advises && { advises }),
      ...(onCall && { onCall: (made: CallMade) => onCall({ ...made, instanceId }) }),
    })
    this.#sessions.set(name, { session, instanceId })
    return session
  }

  /** Drops the sessions of an instance that got another API key, or is gone. Calls under way may end. */
  forget(instanceId: string | null): void {
    for (const [name, { session, ...known }] of this.#sessions) {
      if (known.instanceId !== instanceId) continue
      this.#sessions.delete(name)
      this.#forgotten.add(session)
      const end = () => {
        session.close()
        this.#forgotten.delete(session)
      }
      this.options.clock.after(rootKeyCallTimeoutMs, end)
    }
  }

  get load(): readonly SessionLoad[] {
    return [...this.#sessions.values()].map(({ session, instanceId }) => {
      return { instanceId, host: session.awaitedHost, lanes: session.load }
    })
  }

  /** Ends what runs. */
  close(): void {
    for (const { session } of this.#sessions.values()) session.close()
    for (const session of this.#forgotten) session.close()
    this.#sessions.clear()
  }
}
