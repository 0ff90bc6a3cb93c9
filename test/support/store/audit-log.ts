// A log with a history, and the hands of somebody who may write the database and knows how the chain is made: it has no
// key, so hashes can be computed again by anyone. Only the signed checkpoints stand against that.

import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { chainHash } from '../../../src/core/audit/chain.ts'
import { openCore, type TestCore, type TestCoreOptions } from '../server/core.ts'

/** Enters `count` entries, a second apart. */
export async function enter(core: TestCore, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    core.clock.pass(1_000)
    await core.audit.enter({
      action: 'client.set',
      result: 'success',
      instanceId: null,
      object: `object ${core.clock.now()}`,
      reason: null,
      requestId: null,
      detail: null,
    })
  }
}

/**
 * Two runs. The first writer: entries 1 to 6, checkpoint 1, 7 to 9, checkpoint 2. The second: 1 to 4, checkpoint 3, then
 * 5 and 6, for which no checkpoint was signed.
 */
export async function history(t: TestContext, options: TestCoreOptions = {}): Promise<TestCore> {
  const core = await openCore(t, options)
  await enter(core, 6)
  await core.audit.checkpoint()
  await enter(core, 3)
  await core.audit.stop()
  const second = await core.reopen()
  await enter(second, 4)
  await second.audit.checkpoint()
  await enter(second, 2)
  return second
}

export interface Row {
  readonly entry: number
  readonly number: number
  readonly body: string
  readonly hash: string
}

/** The log as somebody edits it by hand. */
export class LogEditor {
  readonly #database: DatabaseSync

  constructor(file: string) {
    this.#database = new DatabaseSync(file, { timeout: 2_000 })
  }

  run(sql: string, ...values: (string | number)[]): void {
    this.#database.prepare(sql).run(...values)
  }

  rows(writer: number): Row[] {
    const sql = 'SELECT entry, number, body, hash FROM audit WHERE writer = ? ORDER BY number'
    return this.#database.prepare(sql).all(writer) as unknown as Row[]
  }

  /** Puts these bodies in the writer's place, numbered, chained and headed as if the server had written them. */
  rewrite(writer: number, bodies: readonly string[]): void {
    const [first] = this.rows(writer)
    const from = first?.entry ?? 1
    this.run('DELETE FROM audit WHERE writer = ?', writer)
    let hash = ''
    for (const [index, body] of bodies.entries()) {
      const number = index + 1
      const numbered = JSON.stringify({ ...(JSON.parse(body) as object), number })
      hash = chainHash(hash, numbered)
      const sql = 'INSERT INTO audit (entry, writer, number, at_ms, hash, body) VALUES (?, ?, ?, 0, ?, ?)'
      // Those that have no room between the writers get a place of their own.
      const place = index < 9 ? from + index : 500 + index
      this.run(sql, place, writer, number, hash, numbered)
    }
    this.run('UPDATE writers SET number = ?, hash = ? WHERE id = ?', bodies.length, hash, writer)
  }

  close(): void {
    this.#database.close()
  }
}

export function editLog(file: string, edits: (log: LogEditor) => void): void {
  const log = new LogEditor(file)
  try {
    edits(log)
  } finally {
    log.close()
  }
}
