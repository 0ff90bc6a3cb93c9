// The access log on a file of its own, beside a chain that stands for the database.

import { createSecretKey } from 'node:crypto'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { AccessRecord, AuditEntry, AuditWrite } from '../../../../src/core/ports/audit.ts'
import { StoreUnavailable, type Change } from '../../../../src/core/ports/store.ts'
import { AccessLog } from '../../../../src/outside/store/access/access-log.ts'
import { moveAccess } from '../../../../src/outside/store/access/move-access.ts'
import { noSteps } from '../../../../src/outside/store/postgres/transactions.ts'
import type { Steps } from '../../../../src/outside/store/steps.ts'
import { MovableClock } from '../../../support/time/movable-clock.ts'
import { storeFolder } from '../../../support/store/store-place.ts'
import { auditEntry } from '../../../support/store/store-values.ts'
import { appenderHere } from '../../../support/store/threads-here.ts'

const key = createSecretKey(Buffer.alloc(32, 1))

export function record(name: string, atMs = 1): AccessRecord {
  return {
    entries: [auditEntry({ object: name, atMs })],
    fetched: [{ instanceId: 'i', uniqueIdentifier: name, atMs }],
  }
}

/** A chain that stands for the database: it takes changes, notes where it is, and refuses on command. */
export class Chain {
  readonly objects: (string | null)[] = []
  readonly fetched = new Map<string, number>()
  movedTo = 0
  refuses: Error | null = null
  /** Refuses only changes that must be on the disk. */
  full = false
  commits = 0
  readonly durabilities: string[] = []
  /** Called before each commit, and after one that was done. */
  before: () => Promise<void> | void = () => undefined
  after: () => void = () => undefined

  readonly commit = async (change: Change): Promise<void> => {
    await this.before()
    this.commits++
    if (this.refuses) throw this.refuses
    if (this.full && change.durability === 'disk') throw new StoreUnavailable('full', 'told to')
    this.durabilities.push(change.durability)
    for (const { object } of change.entries) this.objects.push(object)
    for (const write of change.writes) if (write.type === 'access-moved') this.#move(write)
    this.after()
  }

  /** Holds commits up: `asked` resolves when one comes, and they go on once `answered` is resolved. */
  hold() {
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    this.before = () => {
      asked.resolve()
      return answered.promise
    }
    return { asked, answered }
  }

  /** Takes the steps that a database would take. */
  #move(moved: AuditWrite & { readonly type: 'access-moved' }): void {
    const steps = moveAccess(this, moved)
    for (let step = steps.next(); !step.done; step = steps.next({ value: this.movedTo })) {
      const { name, values } = step.value
      if (name === 'fetched') this.fetched.set(String(values[2]), Number(values[0]))
      if (name === 'accessMoved') this.movedTo = Number(values[1])
    }
  }

  append({ object }: AuditEntry): Steps<void> {
    this.objects.push(object)
    return noSteps()
  }
}

export async function beginAccessLog(t: TestContext) {
  const file = path.join(await storeFolder(t), 'mortise.db.access')
  const clock = new MovableClock()
  const chain = new Chain()
  const trouble: string[] = []
  const open = (from = chain, startAppender = appenderHere) =>
    AccessLog.open({
      name: 'access_moved',
      file,
      key,
      movedTo: from.movedTo,
      clock,
      commit: from.commit,
      onTrouble: (message) => void trouble.push(message),
      startAppender,
    })
  return { file, clock, chain, trouble, open }
}

export const untilNextTurn = () => new Promise((resolve) => setImmediate(resolve))
