// The SQLite store keeps the store contract.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openSqliteDump } from '../../../../src/outside/store/sqlite/dump.ts'
import { sqliteLoader } from '../../../../src/outside/store/sqlite/load.ts'
import { openSqliteStore } from '../../../../src/outside/store/sqlite/open.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { look } from '../../../support/server/core.ts'
import { storeContract } from '../../../support/store/contract/contract.ts'
import { appenderHere } from '../../../support/store/threads-here.ts'

storeContract('SQLite', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
  const file = path.join(folder, 'mortise.db')
  return {
    open: (startWriter) =>
      openSqliteStore({
        file,
        clock: systemClock,
        reserveBytes: 65_536,
        ...(startWriter && { threads: { startWriter, startAppender: appenderHere } }),
      }),
    dump: () => openSqliteDump(file),
    load: sqliteLoader(file, systemClock.now()),
    edit: async (sql) => look(file, sql),
    bytes: (text) => `X'${Buffer.from(text).toString('hex')}'`,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
})
