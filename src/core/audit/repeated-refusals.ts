// Joins the refusals of clients in the audit log. A client may send requests at any rate, so for each client, action and reason
// the first refusals of a minute get entries of their own, and one entry counts the rest at the end of the minute. It joins only
// refusals: every act that was done has its own entry. The counts are in memory, so a kill loses those of the current minute.

import { refusalEntryEveryMs } from '../../base/bounds.ts'
import type { AccessRecord, Actor, AuditEntry } from '../ports/audit.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/**
 * How many refusals of a client get entries of their own in a minute, for each action and reason. Then: how many combinations are
 * counted.
 */
export const refusalsEnteredMax = 20
export const refusalKindsMax = 5_000

export interface RepeatedRefusalsOptions {
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly record: (access: AccessRecord) => Promise<void>
  /** Called once for the entries of a minute that could not be written. Their counts are written a minute later. */
  readonly failed: (error: unknown) => void
}

/** The refusals of one client, action and reason that only the count covers. */
interface Counted {
  readonly refusals: number
  /** The fields that all of them share. */
  readonly entry: AuditEntry
  readonly sinceMs: number
  /** Identifiers of the first and last object. */
  readonly first: string | null
  readonly last: string | null
}

/** By client, action and reason. */
type Minute = Map<string, { readonly entered: number; readonly counted: Counted | undefined }>

export class RepeatedRefusals {
  readonly #options: RepeatedRefusalsOptions
  #minute: Minute = new Map()
  #timer: Timer | undefined
  #entering: Promise<void> | undefined
  #isClosed = false

  constructor(options: RepeatedRefusalsOptions) {
    this.#options = options
  }

  /** Returns the entries to write now, and counts the others. */
  pass(entries: readonly AuditEntry[]): readonly AuditEntry[] {
    return entries.some(isOfClient)
      ? entries.filter((entry) => !isOfClient(entry) || this.#enters(entry))
      : entries
  }

  /** Enters the counts. Later refusals get entries of their own. */
  async close(): Promise<void> {
    await this.#entering
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#enterCounts()
  }

  #enters(entry: AuditEntry): boolean {
    const { instanceId, actor, action, reason } = entry
    const key = JSON.stringify([instanceId, actor.id, action, reason, reachOf(entry)])
    const known = this.#minute.get(key)
    if (this.#isClosed || (!known && this.#minute.size >= refusalKindsMax)) return true
    this.#begin()
    const { entered = 0, counted } = known ?? {}
    const isEntered = entered < refusalsEnteredMax
    const { atMs: sinceMs, object } = entry
    const one: Counted = { refusals: 1, entry, sinceMs, first: object, last: object }
    this.#minute.set(
      key,
      isEntered
        ? { entered: entered + 1, counted }
        : { entered, counted: counted ? together(counted, one) : one },
    )
    return isEntered
  }

  #begin(): void {
    this.#timer ??= this.#options.clock.after(refusalEntryEveryMs, () => {
      this.#entering = this.#enterCounts()
    })
  }

  async #enterCounts(): Promise<void> {
    const { clock, record, failed } = this.#options
    const over = this.#minute
    this.#minute = new Map()
    this.#timer = undefined
    let failure: unknown
    for (const [key, { counted }] of over) {
      if (!counted) continue
      try {
        // After one failure the other counts would fail too, or wait as long.
        if (failure === undefined) await record({ entries: [entryOf(counted, clock.now())], fetched: [] })
        else this.#keep(key, counted)
      } catch (error) {
        failure = error
        this.#keep(key, counted)
      }
    }
    if (failure !== undefined) failed(failure)
  }

  #keep(key: string, counted: Counted): void {
    const known = this.#minute.get(key)
    if (this.#isClosed || (!known && this.#minute.size >= refusalKindsMax)) return
    this.#begin()
    const since = known?.counted
    this.#minute.set(key, {
      entered: known?.entered ?? 0,
      counted: since ? together(counted, since) : counted,
    })
  }
}

/** The reach of a root key's failure. Each reach is a reason of its own. */
function reachOf({ detail }: AuditEntry) {
  return detail?.['rootKey']
}

function isOfClient({ result, actor }: AuditEntry): boolean {
  return result === 'refused' && actor.kind === 'client'
}

function together(before: Counted, after: Counted): Counted {
  const { object, actor } = before.entry
  const isOneObject = object === after.entry.object
  return {
    refusals: before.refusals + after.refusals,
    entry: { ...after.entry, object: isOneObject ? object : null, actor: common(actor, after.entry.actor) },
    sinceMs: before.sinceMs,
    first: before.first,
    last: after.last,
  }
}

/** The shared fields of two actors, since a client may have several certificates and addresses. */
function common(one: Actor, other: Actor): Actor {
  return {
    ...other,
    certificateSha256: one.certificateSha256 === other.certificateSha256 ? one.certificateSha256 : null,
    address: one.address === other.address ? one.address : null,
  }
}

function entryOf({ refusals, entry, sinceMs, first, last }: Counted, atMs: number): AuditEntry {
  const rootKey = reachOf(entry)
  const detail = {
    why: 'left out',
    refusals,
    since: new Date(sinceMs).toISOString(),
    ...(first !== null && { first }),
    ...(last !== null && { last }),
    ...(rootKey !== undefined && { rootKey }),
  }
  return { ...entry, atMs, requestId: null, detail }
}
