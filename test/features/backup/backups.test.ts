// When the server makes backups by itself: soon after new keys, never too often, and once a day; what it does with them then;
// and how many keys it says are at risk meanwhile.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { Refusal } from '../../../src/base/refusal.ts'
import { BackupError } from '../../../src/core/backup/error.ts'
import { readConfig } from '../../support/server/config.ts'
import type { Config } from '../../../src/outside/config/options.ts'
import { Backups, type BackupParts } from '../../../src/features/backup/backups.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { storeFolder } from '../../support/store/store-place.ts'
import {
  createKey,
  identifyAs,
  manager,
  openCoreWithClient,
  type TestCore,
} from '../../support/server/core.ts'
import { until } from '../../support/time/until.ts'

const second = 1000

async function scheduled(
  t: TestContext,
  set: Partial<Config['backup']> = {},
  more: Parameters<typeof scheduledOn>[3] = {},
) {
  const { core: world, perform } = await openCoreWithClient(t)
  return {
    ...(await scheduledOn(t, world, set, more)),
    create: () => perform(createKey()),
    perform,
  }
}

async function scheduledOn(
  t: TestContext,
  world: TestCore,
  set: Partial<Config['backup']> = {},
  {
    serverId = 'server-1',
    inFolder,
    ...more
  }: {
    readonly serverId?: string
    readonly inFolder?: string
  } & Partial<BackupParts> = {},
) {
  const folder = inFolder ?? path.join(await storeFolder(t), 'backups')
  const settings: Config['backup'] = { ...readConfig({}, {}).backup, ...set }
  const backups = new Backups({
    ...world,
    storePlace: { kind: 'sqlite', file: world.file },
    openRootKey: async () => world.rootKey,
    serverId,
    version: '1.2.3',
    log: createLog({ format: 'json', level: 'error', write: () => undefined }),
    settings: () => settings,
    folder,
    ...more,
  })
  t.after(() => backups.stop())
  const made = async () => (await backups.list()).length
  /** Turns the clock by so many seconds in steps of the schedule, and ticks. */
  const pass = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 10) {
      world.clock.pass(10 * second)
      await backups.tick()
    }
  }
  return { world, backups, folder, made, pass }
}

test('a new key is in a backup within a minute, and backups are five minutes apart', async (t) => {
  const { backups, made, pass, create } = await scheduled(t)
  await create()
  assert.equal((await backups.facts()).keysAtRisk, 1)
  await pass(60)
  assert.equal(await made(), 1)
  assert.equal((await backups.facts()).keysAtRisk, 0)
  await create()
  await create()
  await pass(120)
  assert.equal(await made(), 1, 'not yet')
  assert.equal((await backups.facts()).keysAtRisk, 2)
  await pass(180)
  assert.equal(await made(), 2)
  assert.equal((await backups.facts()).keysAtRisk, 0)
})

test('of several looks that wait at once, as for a disk that hangs, one makes a backup', async (t) => {
  const { world, backups, made, create } = await scheduled(t)
  await create()
  await backups.tick()
  world.clock.pass(600 * second)
  await Promise.all([backups.tick(), backups.tick(), backups.tick()])
  assert.equal(await made(), 1)
})

test('without a schedule the start makes no folder', async (t) => {
  const { backups, folder, pass } = await scheduled(t, { enabled: false })
  backups.start((error) => assert.fail(String(error)))
  await pass(60)
  await backups.stop()
  assert.equal(existsSync(folder), false)
})

test('without new keys a backup is made once a day, also where the clock was set back', async (t) => {
  const { world, made, pass, backups } = await scheduled(t)
  await pass(60)
  assert.equal(await made(), 1, 'the first one soon after the start')
  await pass(3600)
  assert.equal(await made(), 1)
  world.clock.pass(23 * 3600 * second)
  assert.equal((await backups.facts()).tooOld, false)
  await pass(60)
  assert.equal(await made(), 2)
  world.clock.jump(-7 * 24 * 3600 * second)
  await pass(600)
  assert.equal(await made(), 2, 'the clock makes none')
  world.clock.pass(24 * 3600 * second)
  await pass(600)
  assert.equal(await made(), 3, 'one a day, and not one each time because others look younger')
})

test('a backup that fails is told and tried again, and the last good one stays', async (t) => {
  const { world, backups, made, pass, create } = await scheduled(t)
  await create()
  await pass(60)
  world.rootKey.fault = 'unreachable'
  await create()
  await pass(310)
  const { failure, keysAtRisk, last } = await backups.facts()
  assert.match(failure?.message ?? '', /./)
  assert.deepEqual([keysAtRisk, await made(), last !== null], [1, 1, true])
  world.rootKey.fault = null
  await pass(310)
  assert.equal((await backups.facts()).failure, null)
  assert.equal(await made(), 2)
})

test('a command copies each backup elsewhere, and one that fails is run again', async (t) => {
  const place = await storeFolder(t)
  const program = path.join(place, 'copy')
  writeFileSync(
    program,
    `#!/bin/sh\ntest -e ${place}/broken && { echo no room there >&2; exit 3; }\necho "$1 $2" > ${place}/called\n`,
  )
  chmodSync(program, 0o700)
  writeFileSync(path.join(place, 'broken'), '')
  const { backups, pass, create, world } = await scheduled(t, { after: [program, 'a b'] })
  await create()
  await pass(60)
  const failed = await backups.facts()
  assert.match(failed.failure?.message ?? '', /backup\.after failed: .*it ended with 3: no room there/)
  assert.deepEqual([failed.keysAtRisk, failed.keysOnlyHere], [0, 1])
  writeFileSync(program, readFileSync(program, 'utf8').replace('/broken', '/mended'))
  await pass(310)
  const facts = await backups.facts()
  assert.deepEqual([facts.keysOnlyHere, facts.last?.elsewhere], [0, true])
  assert.equal(readFileSync(path.join(place, 'called'), 'utf8'), `a b ${facts.last?.file}\n`)
  await create()
  assert.equal((await backups.facts()).keysOnlyHere, 1)
  assert.ok(world.clock.now() > 0)
})

test('a backup that is too old is said, and nothing is made where that is switched off', async (t) => {
  const { backups, folder, pass, create, world } = await scheduled(t, { enabled: false })
  await create()
  await pass(600)
  assert.equal(existsSync(folder), false)
  assert.equal((await backups.facts()).scheduled, false)
  const other = await scheduled(t)
  other.world.clock.pass(26 * 3600 * second)
  assert.equal((await other.backups.facts()).tooOld, true)
  assert.ok(world.clock.now() > 0)
})

test('a new server says that backups of another one are in its folder, and an older one of its own does not', async (t) => {
  const { backups, made, pass, create, folder } = await scheduled(t)
  await create()
  await pass(60)
  assert.equal(await made(), 1)
  assert.deepEqual(await backups.warningsForUnused(), [])
  const other = await scheduled(t, {}, { serverId: 'server-2', inFolder: folder })
  assert.equal(await other.made(), 0)
  assert.match((await other.backups.warningsForUnused()).join(), /restore .*\.backup --data DIR/)
})

test('a folder that cannot be read is said, and hinders no other answer', async (t) => {
  const file = path.join(await storeFolder(t), 'backups')
  writeFileSync(file, '')
  const { backups, pass, create } = await scheduled(t, {}, { inFolder: file })
  await create()
  await pass(60)
  const { folderTrouble, keysAtRisk } = await backups.facts()
  assert.match(folderTrouble ?? '', /^the backup folder .* cannot be read: ENOTDIR/)
  assert.equal(keysAtRisk, 1)
  await assert.rejects(backups.list(), BackupError)
  assert.deepEqual(await backups.warningsForUnused(), [])
})

test('whoever may no more once the backup before is made gets none', async (t) => {
  const { backups, made } = await scheduled(t)
  const gone = new Refusal('unauthenticated', 'the token was revoked')
  const stillMay = () => Promise.reject(gone)
  const before = backups.create(manager, [])
  await assert.rejects(backups.create({ ...manager, stillMay }, []), gone)
  await before
  assert.equal(await made(), 1)
  assert.equal((await backups.facts()).failure, null)
})

test('a copy that takes longer than the pause is not begun a second time meanwhile', async (t) => {
  const place = await storeFolder(t)
  const [program, called, gate] = ['copy', 'called', 'gate'].map((name) => path.join(place, name))
  assert.ok(program && called && gate)
  writeFileSync(program, `#!/bin/sh\necho begun >> ${called}\ncat ${gate} > /dev/null\n`)
  chmodSync(program, 0o700)
  execFileSync('mkfifo', [gate])
  const begun = () => (existsSync(called) ? readFileSync(called, 'utf8').trim().split('\n').length : 0)
  const { world, backups, pass, create } = await scheduled(t, { after: [program] })
  await create()
  await pass(20)
  world.clock.pass(30 * second)
  const first = backups.tick()
  await until(() => begun() === 1)
  world.clock.pass(310 * second)
  let decided = false
  const next = backups.tick().finally(() => (decided = true))
  await until(() => decided || begun() === 2)
  assert.equal(begun(), 1)
  writeFileSync(gate, '')
  await Promise.all([first, next])
  assert.equal((await backups.facts()).last?.elsewhere, true)
})

test('a backup that this database does not continue, as after a restore of an older one, has none of its keys', async (t) => {
  const { core, identity, perform } = await openCoreWithClient(t)
  await perform(createKey())
  const older = await core.copy()
  for (let n = 0; n < 3; n++) await perform(createKey())
  const after = ['/bin/true']
  const before = await scheduledOn(t, core, { after })
  await before.pass(60)
  assert.deepEqual([await before.made(), (await before.backups.facts()).keysOnlyHere], [1, 0])
  const restored = await scheduledOn(t, older, { after }, { inFolder: before.folder })
  await older.keys.perform(identifyAs(older, identity), createKey())
  const risk = async () => {
    const { keysAtRisk, keysOnlyHere } = await restored.backups.facts()
    return [keysAtRisk, keysOnlyHere]
  }
  assert.deepEqual(await risk(), [2, 2])
  await restored.pass(60)
  assert.deepEqual(await risk(), [0, 0])
  assert.equal(await restored.made(), 2)
})

test('a node that makes a backup leaves that of another node in the same folder alone, which is under way', async (t) => {
  const { core } = await openCoreWithClient(t)
  const { store } = core
  const node = (name: string) => ({
    store: {
      node: name,
      secrets: () => store.secrets(),
      dataKeys: (id: string) => store.dataKeys(id),
      objectCounts: (id: string, nowMs: number) => store.objectCounts(id, nowMs),
      auditHeads: () => store.auditHeads(),
    },
  })
  const gate = Promise.withResolvers<void>()
  const openRootKey = async () => {
    await gate.promise
    return core.rootKey
  }
  const one = await scheduledOn(t, core, {}, { ...node('one'), openRootKey })
  const two = await scheduledOn(t, core, {}, { ...node('two'), inFolder: one.folder })
  const recipient = await identityToRecipient(await generateX25519Identity())
  const making = one.backups.create(manager, [recipient])
  const partial = () => readdirSync(one.folder).filter((name) => name.endsWith('.partial'))
  await until(() => existsSync(one.folder) && partial().length === 1)
  await two.backups.create(manager, [])
  gate.resolve()
  await making
  assert.deepEqual([await two.made(), partial()], [2, []])
})
