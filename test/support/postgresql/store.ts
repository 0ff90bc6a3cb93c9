// Nodes of tests: stores on PostgreSQL, each with a data folder of its own.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { AnchoredStore } from '../../../src/core/ports/anchor.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import type { Store } from '../../../src/core/ports/store.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { openPostgresStore, type PostgresOptions } from '../../../src/outside/store/postgres/open.ts'

interface NodeOptions extends Partial<PostgresOptions> {
  readonly url: string
}

/** Closed after the test; its folder is removed unless it was given. */
export async function openNode(t: TestContext, options: NodeOptions): Promise<Store & AnchoredStore> {
  const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), 'mortise-store-')))
  const usual = { passwordFile: null, node: 'node-1', leaseMs: 8_000, clock: systemClock }
  const store = await openPostgresStore({ ...usual, ...options, folder })
  t.after(async () => {
    await store.close()
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
  })
  return store
}

/** The system's clocks, which a test sets ahead, and whose beats come when the test calls them. */
export function clockByHand() {
  const turned = { aheadMs: 0, monotonicAheadMs: 0, beats: new Array<() => void>() }
  const clock: Clock = {
    ...systemClock,
    now: () => Date.now() + turned.aheadMs,
    monotonic: () => systemClock.monotonic() + turned.monotonicAheadMs,
    every(_, work) {
      turned.beats.push(work)
      return { cancel: () => {} }
    },
  }
  return Object.assign(turned, { clock })
}
