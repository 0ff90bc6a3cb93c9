// How long a backup and its restore take: `node bench/backup.ts [FOLDER] [OBJECTS]`. Fills a store with keys as vCenter makes
// them, each with its audit entry (default 1,000,000), makes a backup of it, reads that back, and restores it. Prints a line
// for each, with the memory that the process held at most.

import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { readRecords } from '../src/core/backup/read.ts'
import { writeBackup } from '../src/core/backup/write.ts'
import type { AuditEntry } from '../src/core/ports/audit.ts'
import type { Store, Write } from '../src/core/ports/store.ts'
import { toWrite } from '../src/core/keys/object/managed-object.ts'
import { systemClock } from '../src/host/system-clock.ts'
import { openSqliteDump } from '../src/outside/store/sqlite/dump.ts'
import { sqliteLoader } from '../src/outside/store/sqlite/load.ts'
import { openSqliteStore } from '../src/outside/store/sqlite/open.ts'
import { identifier, instanceId, vcenterKey } from './vcenter-keys.ts'

const folder = path.resolve(process.argv[2] ?? 'bench-backup')
const objects = Number(process.argv[3] ?? 1_000_000)
const objectsPerCommit = 500
const keys = { chunks: createSecretKey(randomBytes(32)), manifest: createSecretKey(randomBytes(32)) }

function write(n: number): Write {
  return toWrite(vcenterKey(n, { createdMs: (1_700_000_000 + n) * 1000, state: 'Active' }))
}

function entry(n: number): AuditEntry {
  const certificateSha256 = 'ab'.repeat(32)
  const actor = {
    kind: 'client',
    id: instanceId,
    name: 'vcenter-1',
    certificateSha256,
    address: '192.0.2.1',
  } as const
  const about = {
    action: 'key.create',
    result: 'success',
    reason: null,
    requestId: instanceId,
    detail: null,
  } as const
  return { atMs: 1_700_000_000_000 + n, instanceId, object: identifier(n), actor, ...about }
}

async function fill(store: Store): Promise<void> {
  for (let from = 0; from < objects; from += objectsPerCommit) {
    const numbers = Array.from({ length: Math.min(objectsPerCommit, objects - from) }, (_, n) => from + n)
    await store.commit({ writes: numbers.map(write), entries: numbers.map(entry), durability: 'process' })
  }
}

async function measured(what: string, work: () => Promise<unknown>): Promise<void> {
  const [began, cpu] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - began) / 1000
  const rss = process.resourceUsage().maxRSS / 1024
  process.stdout.write(
    `${what}: ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of CPU, at most ${rss.toFixed(0)} MiB of memory\n`,
  )
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { mode: 0o700 })
const [file, backup, restored] = ['mortise.db', 'a.backup', 'restored.db'].map((name) =>
  path.join(folder, name),
) as [string, string, string]
const store = await openSqliteStore({ file, clock: systemClock, reserveBytes: 0 })
await measured(`${objects} keys stored`, () => fill(store))
await measured('backup', async () => {
  const dump = openSqliteDump(file)
  const created = new Date(0).toISOString()
  const key = { rootKey: 'file:root.key', rootKeyId: '', wrapped: '' }
  const about = { version: '0', id: 'bench', serverId: 'bench', created, key }
  const writing = {
    file: backup,
    force: false,
    writer: 'bench',
    keys,
    about,
    recipients: Promise.resolve(null),
  }
  const rest = { systemKeyName: 'system-data-key', freeBytesMin: 0, onProgress: () => undefined }
  await writeBackup(dump, { ...writing, ...rest })
  await dump.close()
})
await measured('read back', async () => {
  for await (const _ of readRecords(backup, keys));
})
await measured('restore', () => sqliteLoader(restored, 0)(readRecords(backup, keys), []))
await store.close()
const mib = (name: string) => (statSync(name).size / 1024 / 1024).toFixed(0)
process.stdout.write(
  `database ${mib(file)} MiB, backup ${mib(backup)} MiB, restored database ${mib(restored)} MiB\n`,
)
rmSync(folder, { recursive: true, force: true })
