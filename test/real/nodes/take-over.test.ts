// A node that dies, or sleeps past its lease, in the midst of background work: the other one ends the work, and the one that
// wakes up writes nothing more of it.

import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { backgroundLeaseMs } from '../../../src/base/bounds.ts'
import { leaseRenewMs } from '../../../src/core/server/leases.ts'
import { KeyProtectFake } from '../../support/key-protect/fake.ts'
import { digestOf, openTalk } from '../../support/clients/kmip-talk.ts'
import { startNodes, type Nodes, type TestNode } from '../../support/server/nodes.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import type { ClientFiles } from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))
if (postgres) test('background work is taken over', (t) => takeOver(t, postgres))

const keysMoved = 40
/** Calls of the service are so slow that a move is caught in its midst. */
const latencyMs = 400
/** A lease, the next look at that kind of work, and a busy machine. */

interface Site {
  readonly nodes: Nodes
  readonly database: PostgresServer
  readonly fake: KeyProtectFake
  readonly files: ClientFiles
  readonly digests: ReadonlyMap<string, string>
}

async function takeOver(t: TestContext, database: PostgresServer): Promise<void> {
  const fake = await KeyProtectFake.start()
  t.after(() => fake.stop())
  const { managerApiKeyFile, iamUrl, caFile } = fake.about
  const env = {
    MORTISE_IBM_API_KEY_FILE: managerApiKeyFile,
    MORTISE_IBM_IAM_URL: iamUrl,
    MORTISE_IBM_CA_FILE: caFile,
    MORTISE_BACKUP_DELAY_SECONDS: '1',
    MORTISE_BACKUP_EVERY_SECONDS_MIN: '10',
  }
  await using nodes = await startNodes(database, { env })
  const [first, second, third] = [await fake.rootKey(), await fake.rootKey(), await fake.rootKey()]
  const words = ['--root-key', fake.uri(first), '--custody', 'keyprotect']
  await nodes.one.server.json('instance', 'set-root-key', 'default', ...words)
  const files = await nodes.one.server.issue('vcenter')
  const digests = new Map<string, string>()
  const talk = await openTalk({ ...nodes.one.server.kmip, tls: files.tls })
  for (let made = 0; made < keysMoved; made++) {
    const key = await talk.create()
    digests.set(key, digestOf(await talk.get(key)) ?? assert.fail('no material'))
  }
  talk.close()
  const site: Site = { nodes, database, fake, files, digests }
  await t.test('a move whose node sleeps past its lease', () => sleepsThrough(site, second))
  await t.test('a move, backups and the removal of destroyed keys, whose node is killed', () =>
    isKilled(site, third),
  )
}

async function sleepsThrough(site: Site, rootKey: string): Promise<void> {
  const { database, fake } = site
  const { holder, other, moved } = await beginMove(site, rootKey)
  holder.pause()
  await fake.control('POST', 'traffic', { latencyMs: 0, perSecond: null })
  await untilMoved(other)
  const before = await entriesOf(database)
  holder.wake()
  // It learns that the lease is gone. It tidies up what it had begun at the service (key.take-over), and moves nothing.
  await sleep(leaseRenewMs + 1_000)
  const since = (await entriesOf(database)).slice(before.length)
  assert.deepEqual(since.filter(isOfMove), [])
  await assertMoved(site, rootKey, moved)
}

async function isKilled(site: Site, rootKey: string): Promise<void> {
  const { server } = site.nodes.two
  const words = ['--root-key', 'file:root.key', '--destroy-delay', '7d']
  await server.json('instance', 'create', 'delayed', ...words)
  const { id } = (await server.json('key', 'create', '--instance', 'delayed')) as { id: string }
  await server.json('key', 'destroy', id, '--instance', 'delayed', '--yes')
  const { holder, other, moved } = await beginMove(site, rootKey)
  await holder.kill()
  await site.fake.control('POST', 'traffic', { latencyMs: 0, perSecond: null })
  await Promise.all([untilMoved(other), otherKinds(site.database, holder, other)])
  await assertMoved(site, rootKey, moved, [other])
  await holder.start()
  await assertMoved(site, rootKey, moved)
}

/** The dead node had the leases of these, as the database says. */
async function otherKinds(database: PostgresServer, dead: TestNode, other: TestNode): Promise<void> {
  const until_ms = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint + ${backgroundLeaseMs}`
  await sql(
    database,
    `INSERT INTO leases (name, holder, fence, until_ms)
     SELECT name, '${dead.name}', 7, ${until_ms} FROM unnest(ARRAY['recovery', 'backups']) AS name
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, fence = leases.fence + 7, until_ms = excluded.until_ms`,
  )
  await sql(database, 'UPDATE objects SET due_ms = 0 WHERE due_ms IS NOT NULL')
  const count = async (action: string) =>
    (await entriesOf(database)).filter((entry) => entry.action === action).length
  // The other node may be in the midst of a backup that it began with the lease that it has lost now, and that has the first of
  // these keys.
  const taken = async () => {
    await other.server.json('key', 'create', '--instance', 'delayed')
    const rows = await sql(database, `SELECT holder FROM leases WHERE name IN ('recovery', 'backups')`)
    return rows.every(({ holder }) => holder === other.name)
  }
  await until(taken, 'the other node has both leases')
  await until(async () => (await count('key.erase')) === 1, 'the destroyed key is removed')
  const backups = await count('backup.create')
  await other.server.json('key', 'create', '--instance', 'delayed')
  await until(async () => (await count('backup.create')) > backups, 'a backup is made')
}

interface Moving {
  /** Does the work. */
  readonly holder: TestNode
  readonly other: TestNode
  /** The keys that this move has moved so far. */
  readonly moved: () => Promise<readonly string[]>
}

async function beginMove({ nodes, database, fake }: Site, rootKey: string): Promise<Moving> {
  const { one, two } = nodes
  const earlier = new Set((await entriesOf(database)).map(({ detail }) => detail?.work))
  const moved = async () =>
    (await entriesOf(database)).flatMap(({ action, object, detail }) =>
      action === 'key.reseal' && !earlier.has(detail?.work) ? [object ?? ''] : [],
    )
  await fake.control('POST', 'traffic', { latencyMs, perSecond: null })
  const words = ['--root-key', fake.uri(rootKey), '--custody', 'keyprotect', '--no-wait']
  await one.server.json('instance', 'set-root-key', 'default', ...words)
  await until(async () => (await moved()).length > 2, 'the move is on its way')
  const [lease] = await sql(database, `SELECT holder FROM leases WHERE name = 'instance-work'`)
  const holder = lease?.['holder'] === 'one' ? one : two
  assert.ok((await moved()).length < keysMoved / 2, 'the move is caught in its midst')
  return { holder, other: holder === one ? two : one, moved }
}

interface Entry {
  readonly action: string
  readonly object: string | null
  readonly detail: { readonly work?: string } | null
}

function isOfMove({ action }: Entry): boolean {
  return action === 'key.reseal' || action.startsWith('instance.')
}

async function entriesOf(database: PostgresServer): Promise<readonly Entry[]> {
  const rows = await sql(database, 'SELECT body FROM audit ORDER BY entry')
  return rows.map(({ body }) => JSON.parse(String(body)) as Entry)
}

async function sql(database: PostgresServer, text: string): Promise<readonly Record<string, unknown>[]> {
  return (await database.sql(text, 'mortise_1')).rows as Record<string, unknown>[]
}

async function untilMoved({ server }: TestNode): Promise<void> {
  await until(
    async () => ((await server.json('instance', 'show', 'default')) as { work: unknown }).work === null,
    'the move is done',
  )
}

/** Every key is there with its bytes, on each node, was moved once, and has one standard key, under the new root key. */
async function assertMoved(
  { nodes, database, files, digests }: Site,
  rootKey: string,
  moved: Moving['moved'],
  on: readonly TestNode[] = nodes.both,
): Promise<void> {
  for (const { server } of on) {
    const talk = await openTalk({ ...server.kmip, tls: files.tls })
    for (const [key, digest] of digests) assert.equal(digestOf(await talk.get(key)), digest)
    talk.close()
    assert.ok(((await server.json('audit', 'verify')) as { ok: boolean }).ok)
  }
  assert.deepEqual((await moved()).toSorted(), [...digests.keys()].toSorted())
  const current = await sql(
    database,
    `SELECT root_key_uri LIKE '%${rootKey}' AS there, count(*)::int AS count FROM standard_keys
     WHERE kind = 'object' AND state = 'current' GROUP BY 1`,
  )
  assert.deepEqual(current, [{ there: true, count: digests.size }])
}
