// Keeps the sessions with Key Protect and HPCS: one for each pair of a Mortise instance and a service instance, so that a root key that is
// opened again uses the token and the connections that are there. The code that makes a KeyProtectSessions closes it.

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
   * Returns the API key of the service ID with which an instance of Mortise (null: the server itself) uses a service instance. Called for
   * each new token, which is about once an hour. Rejects with RootKeyError.
   */
  readonly apiKey: (instanceId: string | null, service: string) => Promise<string>
  readonly clock: Pick<Clock, 'monotonic' | 'after' | 'sleep'>
  /** The role to advise where one is missing; left out: the least that the refused call takes. */
  readonly advises?: IamRole
  /** Each call that was made, repeated ones too; for log and audit. */
  readonly onCall?: (made: CallMade & { readonly instanceId: string | null }) => void
  /** Called when an unwrap also returned the secret under a newer key version (Rewrapped). */
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
  /** Sessions that get no new calls. Some of their calls may be under way. */
  readonly #forgotten = new Set<KeyProtectSession>()
  readonly #sessions = new Map<
    string,
    { readonly session: KeyProtectSession; readonly instanceId: string | null }
  >()

  constructor(options: KeyProtectOptions) {
    this.options = options
  }

  /** Throws RootKeyError for a host to which Mortise must not send a token. */
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

  /** Drops the sessions of an instance that got another API key, or is gone. Closes them when no call of them can be under way any more. */
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

  /** Ends calls under way and closes all connections. */
  close(): void {
    for (const { session } of this.#sessions.values()) session.close()
    for (const session of this.#forgotten) session.close()
    this.#sessions.clear()
  }
}
