// The sessions of tokens that somebody ended, for every node of a store. Such a session is not stored while it lasts (core/trust/sessions.ts);
// its end is, until none of its texts counts any more by itself. All of them are one secret: somebody who can write the database can
// put an older version back, and so revive a session for the rest of its half hour, but cannot make an entry.

import type { AuditEntry } from '../ports/audit.ts'
import type { Secrets } from './secrets.ts'

/** Sessions of tokens that somebody ended in the last hour: of all, and of the tokens of one instance, or one other token. */
export const endedSessionsMax = 5_000
export const endedSessionsPerPartyMax = 1_000

interface Ended {
  readonly id: string
  /** Then it counts no more by itself. */
  readonly untilMs: number
  /** The instance to which its token belongs, or the token itself: each leaves places to others. Left out: an older version ended it. */
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

  /** Together with its audit entry. Durable on return. False: there are too many already, and nothing was done. */
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
