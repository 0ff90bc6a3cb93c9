// Checks the marks of destroyed keys at the start and once an hour, and appends those that a program left out that knows no marks.
// The reasons: docs/decisions/marks.md.

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
import { unmarkedKeys } from './unmarked-keys.ts'

/** A start waits so long for the check of all marks. */
const marksStartMs = 2_000

export interface MarkCheckParts {
  readonly store: Pick<MarkStore, 'mark' | 'marksAfter' | 'unmarked'> & Pick<Store, 'audit' | 'commit'>
  readonly clock: Clock
  /** Signs marks. */
  readonly key: KeyObject
  readonly audit: Pick<Audit, 'signedMarks'>
  /** The end of the marks that the anchor names. */
  readonly anchored: MarksEnd | null
  /** Called once for each finding. */
  readonly alarm: (message: string) => void
  /** Called in each check for a destroyed object whose rows say less than its mark. */
  readonly onPutBack: (mark: MarkAsRead) => void
}

export class MarkCheck {
  readonly #parts: MarkCheckParts
  /** The furthest end that the list must have. */
  #known: MarksEnd | null
  #findings: readonly string[] = []
  #running: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(parts: MarkCheckParts) {
    this.#parts = parts
    this.#known = parts.anchored
  }

  /** The findings of the last check, one sentence each. */
  get findings(): readonly string[] {
    return this.#findings
  }

  /** Completes and checks all marks. A long list is checked on while the server serves. `failed`: called if that failed. */
  async atStart(failed: (error: unknown) => void): Promise<void> {
    const enough = new AbortController()
    const looked = this.complete()
      .catch(failed)
      .then(() => this.check())
      .catch(failed)
    await Promise.race([looked, this.#parts.clock.sleep(marksStartMs, enough.signal)])
    enough.abort()
  }

  /** The mark that this server wrote, if it says that the identifier is destroyed. Throws StoreUnavailable. */
  async closing(instanceId: string, uniqueIdentifier: string): Promise<StoredMark | undefined> {
    const { store, key } = this.#parts
    const mark = await store.mark(instanceId, uniqueIdentifier)
    return mark && closes(mark) && isGenuine(key, mark) ? mark : undefined
  }

  /** Completes marks every minute. Calls `failed` if that failed. */
  start(failed: (error: unknown) => void): void {
    const look = () => void this.complete().catch(failed)
    this.#timer = this.#parts.clock.every(checkpointEveryMs, look)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** One check at a time. Throws StoreUnavailable. */
  check(): Promise<void> {
    this.#running ??= this.#check().finally(() => (this.#running = undefined))
    return this.#running
  }

  /** Appends a mark for each destroyed object that has none. Throws StoreUnavailable. */
  async complete(): Promise<void> {
    const { store } = this.#parts
    for (let after = 0; ;) {
      const found = await store.unmarked(after, marksPage)
      const last = found.at(-1)
      if (!last) return
      after = last.sequence
      const writes = found.map(
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
    // The alarm does not wait for a log that cannot be read.
    const unmarked = walk.isMissingMarks ? await unmarkedKeys(store).catch(() => []) : []
    const findings = walk.findings(unmarked)
    const before = new Set(this.#findings)
    this.#findings = findings
    for (const finding of findings) if (!before.has(finding)) alarm(finding)
    if (findings.length > 0) return
    // A failover may lose what was read, until a commit behind it is confirmed.
    await store.commit({ writes: [], entries: [], durability: 'process' })
    this.#known = walk.end
  }
}
