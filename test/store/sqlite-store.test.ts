// The SQLite store keeps the store contract.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openSqliteStore } from '../../src/store/open.ts'
import { systemClock } from '../../src/serve/system-clock.ts'
import { storeContract } from '../support/store-contract.ts'

storeContract('SQLite', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
  return {
    open: () =>
      openSqliteStore({ file: path.join(folder, 'mortise.db'), clock: systemClock, reserveBytes: 65_536 }),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
})
