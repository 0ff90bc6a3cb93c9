// The ended sessions of tokens, for every node of a store. Such a session is not stored while it lasts (core/trust/sessions.ts).
// Its end is stored until all its texts have expired. All ends form one secret. An attacker who can write to the database can put
// an older version back, and so revive a session for the rest of its half hour, but cannot make an entry.

import type { AuditEntry } from '../ports/audit.ts'
import type { Secrets } from './secrets.ts'

/** Ended sessions of the last hour: of all tokens, and of the tokens of one instance or of one other token. */
export const endedSessionsMax = 5_000
export const endedSessionsPerPartyMax = 1_000

interface Ended {
  readonly id: string
  /** The session's texts have expired at this time, so the entry is not needed any more. */
  readonly untilMs: number
  /**
   * The instance of its token, or the token itself. The bound for each leaves room for the others. Absent: an older version ended
   * the session.
   */
  readonly of?: string
}

const secretName = 'ended-sessions'

export class EndedSessions {
  readonly #secrets: Pick<Secrets, 'fresh' | 'change'>

  constructor(secrets: Pick<Secrets, 'fresh' | 'change'>) {
    this.#secrets = secrets
  }

  async has(id: string): Promise<boolean> {
    return endedIn(await this.#secrets.fresh(secretName)).some((one) => one.id === id)
  }

  /** Adds the session together with its audit entry. Durable on return. False: there are too many, and nothing was stored. */
  add(ended: Ended, nowMs: number, entry: AuditEntry): Promise<boolean> {
    const added = (now: Buffer | undefined): Buffer | null => {
      const others = endedIn(now).filter(({ untilMs }) => untilMs > nowMs)
      const own = others.filter(({ of }) => of !== undefined && of === ended.of)
      const isFull = others.length >= endedSessionsMax || own.length >= endedSessionsPerPartyMax
      return isFull ? null : Buffer.from(JSON.stringify([...others, ended]))
    }
    return this.#secrets.change(secretName, added, [entry])
  }
}

function endedIn(bytes: Buffer | undefined): readonly Ended[] {
  return bytes ? (JSON.parse(bytes.toString('utf8')) as readonly Ended[]) : []
}
