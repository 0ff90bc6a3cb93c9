// Checks the marks of destroyed keys at the start and once an hour, and appends missing marks for keys that an older program
// destroyed without marks. docs/decisions/marks.md has the reasons.

import type { KeyObject } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { marksPage } from '../../base/bounds.ts'
import { checkpointEveryMs } from './bounds.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { MarkAsRead, MarksEnd, MarkStore, StoredMark } from '../ports/marks.ts'
import type { Store } from '../ports/store.ts'
import type { Audit } from './audit.ts'
import { closes, furtherEnd, isGenuine } from './marks.ts'
import { MarksWalk } from './marks-walk.ts'
import type { AuditEntry, AuditStore } from '../ports/audit.ts'
import { auditEntries } from './entries.ts'

/** How long a start waits for the check of all marks. */
const marksStartMs = 2_000

export interface MarkCheckParts {
  readonly store: Pick<MarkStore, 'mark' | 'marksAfter' | 'unmarked'> & Pick<Store, 'audit' | 'commit'>
  readonly clock: Clock
  /** Signs marks. */
  readonly key: KeyObject
  readonly audit: Pick<Audit, 'signedMarks'>
  /** The end of the marks that the anchor names. */
  readonly anchored: MarksEnd | null
  /** The check calls it once for each finding. */
  readonly alarm: (message: string) => void
  /** Each check calls it for every destroyed object whose rows contradict its mark. */
  readonly onPutBack: (mark: MarkAsRead) => void
}

export class MarkCheck {
  readonly #parts: MarkCheckParts
  /** The furthest end that the list is known to have had. */
  #known: MarksEnd | null
  #findings: readonly string[] = []
  #running: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(parts: MarkCheckParts) {
    this.#parts = parts
    this.#known = parts.anchored
  }

  /** The findings of the last check, in one sentence each. */
  get findings(): readonly string[] {
    return this.#findings
  }

  /** Completes and checks all marks. The check of a long list continues while the server serves. Calls `failed` with an error. */
  async atStart(failed: (error: unknown) => void): Promise<void> {
    const enough = new AbortController()
    const looked = this.complete()
      .catch(failed)
      .then(() => this.check())
      .catch(failed)
    await Promise.race([looked, this.#parts.clock.sleep(marksStartMs, enough.signal)])
    enough.abort()
  }

  /** The mark of this server that says that the identifier is destroyed. Undefined: there is none. Throws StoreUnavailable. */
  async closing(instanceId: string, uniqueIdentifier: string): Promise<StoredMark | undefined> {
    const { store, key } = this.#parts
    const mark = await store.mark(instanceId, uniqueIdentifier)
    return mark && closes(mark) && isGenuine(key, mark) ? mark : undefined
  }

  /** Completes marks every minute. Calls `failed` with an error. */
  start(failed: (error: unknown) => void): void {
    const look = () => void this.complete().catch(failed)
    this.#timer = this.#parts.clock.every(checkpointEveryMs, look)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Only one check runs at a time. Throws StoreUnavailable. */
  check(): Promise<void> {
    this.#running ??= this.#check().finally(() => (this.#running = undefined))
    return this.#running
  }

  /** Appends a mark for each destroyed object that has none. Throws StoreUnavailable. */
  async complete(): Promise<void> {
    const { store } = this.#parts
    for (let after = 0; ;) {
      const page = await store.unmarked(after, marksPage)
      const last = page.at(-1)
      if (!last) return
      after = last.sequence
      const writes = page.map(
        ({ instanceId, uniqueIdentifier }) => ({ type: 'mark', instanceId, uniqueIdentifier }) as const,
      )
      await store.commit({ writes, entries: [], durability: 'disk' })
    }
  }

  async #check(): Promise<void> {
    const { store, key, audit, alarm, onPutBack } = this.#parts
    const walk = new MarksWalk(key, furtherEnd(this.#known, await audit.signedMarks()))
    for (let after = 0; ;) {
      const page = await store.marksAfter(after, marksPage)
      for (const mark of page) {
        walk.take(mark)
        if (mark.isPutBack) onPutBack(mark)
      }
      after = page.at(-1)?.number ?? after
      if (page.length < marksPage) break
      await nextTurn()
    }
    // The alarm must not depend on a readable log.
    const unmarked = walk.isMissingMarks ? await unmarkedKeys(store).catch(() => []) : []
    const findings = walk.findings(unmarked)
    const before = new Set(this.#findings)
    this.#findings = findings
    for (const finding of findings) if (!before.has(finding)) alarm(finding)
    if (findings.length > 0) return
    // A failover may lose what was read, until a later commit is confirmed.
    await store.commit({ writes: [], entries: [], durability: 'process' })
    this.#known = walk.end
  }
}

/** How many of the newest destructions in the audit log are compared with the marks if one is missing. */
const unmarkedLookMax = 1_000

type Identified = Pick<StoredMark, 'instanceId' | 'uniqueIdentifier'>

/** Finds destroyed keys without marks by the audit log: a removed mark no longer shows its key. Reads only the newest destructions. Throws StoreUnavailable. */
async function unmarkedKeys(
  store: Pick<MarkStore, 'mark'> & Pick<AuditStore, 'audit'>,
): Promise<readonly Identified[]> {
  const byKeyId = new Map<string, Identified>()
  const destructions = {
    action: 'key.destroy',
    result: 'success',
    order: 'newest',
    limit: marksPage,
  } as const
  let looked = 0
  for await (const { body } of auditEntries(store, destructions)) {
    const { instanceId, object: uniqueIdentifier } = JSON.parse(body) as AuditEntry
    if (instanceId !== null && uniqueIdentifier !== null && !(await store.mark(instanceId, uniqueIdentifier)))
      byKeyId.set(JSON.stringify([instanceId, uniqueIdentifier]), { instanceId, uniqueIdentifier })
    if (++looked >= unmarkedLookMax) break
  }
  return [...byKeyId.values()]
}
