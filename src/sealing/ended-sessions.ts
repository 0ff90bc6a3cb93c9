// The sessions of tokens that somebody ended, for every node of a store. Such a session is not stored while it lasts (trust/sessions.ts);
// its end is, until none of its texts counts any more by itself. All of them are one secret, so that nobody who can write the database
// takes one out of it.

import { KeyedMutex } from '../keyed-mutex.ts'
import { limits } from '../limits.ts'
import type { AuditEntry } from '../ports/audit.ts'
import { StoreConflict } from '../ports/store.ts'
import type { Secrets } from './secrets.ts'

interface Ended {
  readonly id: string
  /** Then it counts no more by itself. */
  readonly untilMs: number
  /** The instance to which its token belongs, or the token itself: each leaves places to others. Left out: an older version ended it. */
  readonly of?: string
}

const secretName = 'ended-sessions'

export class EndedSessions {
  readonly #secrets: Pick<Secrets, 'fresh' | 'replace'>
  /** `replace` notices what changed since the last `fresh`, so nothing may come between the two. */
  readonly #mutex = new KeyedMutex()

  constructor(secrets: Pick<Secrets, 'fresh' | 'replace'>) {
    this.#secrets = secrets
  }

  async has(id: string): Promise<boolean> {
    const ended = await this.#mutex.run(secretName, () => this.#read())
    return ended.some((one) => one.id === id)
  }

  /** Together with its audit entry. Durable on return. False: there are too many already, and nothing was done. */
  add(ended: Ended, nowMs: number, entry: AuditEntry): Promise<boolean> {
    return this.#mutex.run(secretName, () => this.#add(ended, nowMs, entry))
  }

  async #add(ended: Ended, nowMs: number, entry: AuditEntry): Promise<boolean> {
    const others = (await this.#read()).filter(({ untilMs }) => untilMs > nowMs)
    const own = others.filter(({ of }) => of !== undefined && of === ended.of)
    if (others.length >= limits.endedSessionsMax || own.length >= limits.endedSessionsPerPartyMax)
      return false
    const all = Buffer.from(JSON.stringify([...others, ended]))
    try {
      await this.#secrets.replace(secretName, all, [entry])
      return true
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      // Another node has ended one at this moment.
      return this.#add(ended, nowMs, entry)
    }
  }

  async #read(): Promise<readonly Ended[]> {
    const bytes = await this.#secrets.fresh(secretName)
    return bytes ? (JSON.parse(bytes.toString('utf8')) as readonly Ended[]) : []
  }
}
