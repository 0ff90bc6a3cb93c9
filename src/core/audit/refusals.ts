// Enters refusals in the audit log for peers that can send requests at any rate: the same refusal once in a while, a maximum for
// each group and in all, and one entry that counts the rest of a minute. So no peer can fill the log.

import type { Actor } from '../ports/audit.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import type { Clock } from '../ports/clock.ts'
import type { Audit } from './audit.ts'
import { largest, MinuteQuota, type LeftOut } from './minute-quota.ts'

type Entry = Parameters<Audit['enter']>[0]

export interface RefusalsOptions {
  readonly audit: Pick<Audit, 'enter'>
  readonly clock: Clock
  readonly action: AuditAction
  readonly reason: 'AuthenticationNotSuccessful' | 'PermissionDenied'
  /** Repetitions within this time get no entry of their own. */
  readonly everyMs: number
  /** The noun for the groups, and the other details of the entry that counts the rest. */
  readonly groups: string
  readonly counted: NonNullable<Entry['detail']>
  /** Called with the error if an entry could not be written. The refusal stands. */
  readonly failed: (error: unknown) => void
}

export interface RefusedRequest {
  /** The same text for repetitions of the same refusal. */
  readonly about: string
  readonly group: string
  readonly actor: Actor
  readonly instanceId: string | null
  readonly requestId: string | null
  readonly detail: Entry['detail']
}

/** The number of refusals whose last entry is remembered. The oldest are forgotten first. */
const rememberedMax = 10_000

const unauthenticated: Actor = {
  kind: 'unauthenticated',
  id: null,
  name: null,
  certificateSha256: null,
  address: null,
}

export class Refusals {
  readonly #options: RefusalsOptions
  readonly #quota: MinuteQuota
  /** Monotonic milliseconds of the last entry about each refusal. */
  readonly #last = new Map<string, number>()
  /** Entries whose writing has begun. */
  readonly #entering = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: RefusalsOptions) {
    this.#options = options
    this.#quota = new MinuteQuota(options.clock, (leftOut) => this.#enterLeftOut(leftOut))
  }

  enter({ about, group, ...entry }: RefusedRequest): void {
    const { clock, everyMs } = this.#options
    const now = clock.monotonic()
    const last = this.#last.get(about)
    if (last !== undefined && now - last < everyMs) return
    if (!this.#quota.take(group)) return
    this.#last.delete(about)
    this.#last.set(about, now)
    const [oldest] = this.#last.keys()
    if (this.#last.size > rememberedMax && oldest !== undefined) this.#last.delete(oldest)
    this.#write(entry, [[group, 1]], () => this.#last.delete(about))
  }

  /** Enters the refusals that were only counted so far. */
  async close(): Promise<void> {
    await Promise.all(this.#entering)
    this.#isClosed = true
    this.#quota.flush()
    await Promise.all(this.#entering)
  }

  #enterLeftOut({ count, groups }: LeftOut): void {
    const { counted, groups: noun } = this.#options
    const most = largest(groups)
    const detail = { why: 'left out', ...counted, refusals: count, [noun]: groups.length, most }
    this.#write({ actor: unauthenticated, instanceId: null, requestId: null, detail }, groups)
  }

  #write(
    entry: Omit<RefusedRequest, 'about' | 'group'>,
    groups: LeftOut['groups'],
    unwritten?: () => void,
  ): void {
    const { audit, action, reason, failed } = this.#options
    const entering = audit
      .enter({ action, result: 'refused', object: null, reason, ...entry })
      .catch((error: unknown) => {
        unwritten?.()
        if (!this.#isClosed) for (const [group, count] of groups) this.#quota.leaveOut(group, count)
        failed(error)
      })
    this.#entering.add(entering)
    void entering.then(() => this.#entering.delete(entering))
  }
}
