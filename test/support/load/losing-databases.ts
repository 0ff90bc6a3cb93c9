// Loses databases: a real server beside the Key Protect fake is killed at random moments while clients work, its data folder
// is deleted, and the instance is brought back into a server that never heard of it; there the clients go on. Whatever was
// acknowledged must hold: keys with the same bytes, Revoke, Destroy, and what was deleted in Key Protect. Used by
// test/real/kills/recovery-moments.test.ts and scripts/soak.ts.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AdminClient } from '../../../src/doors/http/client.ts'
import type { Output } from '../../../src/doors/http/route.ts'
import { standardKeyName } from '../../../src/core/custody/keyprotect/description.ts'
import { clientCertificate, type TestIdentity } from '../certificates/certificates.ts'
import { KeyProtectFake } from '../key-protect/fake.ts'
import { openSession, text, type KmipSession } from '../clients/kmip-session.ts'
import { randomFrom } from './load.ts'
import { startServer, type TestServer } from '../server/server.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { restoreRoutes } from '../../../src/features/restore/routes.ts'

let fake: KeyProtectFake
let folder: string
let identity: TestIdentity

/** What was asked for and what was answered. */
type Deed = 'no' | 'asked' | 'done'
interface Known {
  readonly id: string
  digest: string | undefined
  label: string | undefined
  revoked: Deed
  destroyed: Deed
  /** Its standard key was deleted. */
  withdrawn: boolean
}

interface Site {
  readonly server: TestServer
  readonly admin: AdminClient
}

let folders = 0
/** Ended whatever happens: a server that is left over would keep the tests from ending. */
const started: TestServer[] = []

async function start(
  data = path.join(folder, String(++folders)),
  apiKeyFile = fake.about.managerApiKeyFile,
): Promise<Site> {
  const env = {
    MORTISE_IBM_API_KEY_FILE: apiKeyFile,
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
  }
  const server = await startServer({ data, env })
  started.push(server)
  const [token, pem] = ['admin-token', 'admin-ca.pem'].map((name) =>
    readFileSync(path.join(data, name), 'utf8'),
  )
  const trust = { by: 'authority', pem: pem ?? '' } as const
  return { server, admin: new AdminClient({ url: server.admin, token: (token ?? '').trim(), trust }) }
}

async function lose({ server }: Site): Promise<void> {
  await server.kill()
  rmSync(server.data, { recursive: true, force: true })
}

async function create(
  { admin }: Site,
  rootKey: string,
): Promise<Output<typeof instanceRoutes.createInstance>> {
  return admin.call(instanceRoutes.createInstance, {
    body: { name: 'vmware', rootKey, custody: 'keyprotect' },
  })
}

async function trust({ admin }: Site, instance = 'vmware'): Promise<void> {
  const { pem: certificate } = identity.certificate
  const body = { by: 'certificate' as const, name: 'vcenter', certificate, allow: ['all'] }
  await admin.call(clientRoutes.trustClient, { instance, body })
}

async function restored(
  { admin }: Site,
  rootKey: string,
): Promise<NonNullable<Output<typeof restoreRoutes.showRestore>['report']>> {
  let restore = await admin.call(restoreRoutes.beginRestore, { body: { rootKey } })
  while (restore.state === 'running') {
    await sleep(20)
    restore = await admin.call(restoreRoutes.showRestore, { restore: restore.id })
  }
  return restore.report ?? assert.fail(restore.error?.message)
}

async function digestOf(session: KmipSession, id: string): Promise<string | undefined> {
  const told = await session.one('1.4', { operation: 'Get', request: { UniqueIdentifier: id } })
  if (told.status !== 'Success') return undefined
  const { SymmetricKey } = told.payload as {
    readonly SymmetricKey?: { readonly KeyBlock: { readonly KeyValue: { readonly KeyMaterial: Uint8Array } } }
  }
  return createHash('sha256')
    .update(SymmetricKey?.KeyBlock.KeyValue.KeyMaterial ?? Buffer.of())
    .digest('hex')
}

/** Makes keys until the connection is lost, and notes what was answered. */
async function work(port: number, all: Map<string, Known>, random: () => number): Promise<Known[]> {
  const mine: Known[] = []
  try {
    using session = await openSession(port, identity)
    for (;;) {
      const id = await session.key('1.4')
      const known: Known = {
        id,
        digest: undefined,
        label: undefined,
        revoked: 'no',
        destroyed: 'no',
        withdrawn: false,
      }
      assert.ok(!all.has(id), 'an identifier was given twice')
      all.set(id, known)
      mine.push(known)
      known.digest = await digestOf(session, id)
      await session.ask('1.4', 'Activate', { UniqueIdentifier: id })
      const label = `disk ${all.size}`
      await session.ask('1.4', 'AddAttribute', { UniqueIdentifier: id, Attribute: text('x-Name', label) })
      known.label = label
      if (random() < 0.25) continue
      known.revoked = 'asked'
      await session.ask('1.4', 'Revoke', {
        UniqueIdentifier: id,
        RevocationReason: { RevocationReasonCode: 'CessationOfOperation' },
      })
      known.revoked = 'done'
      if (random() < 0.6) continue
      known.destroyed = 'asked'
      await session.ask('1.4', 'Destroy', { UniqueIdentifier: id })
      known.destroyed = 'done'
    }
  } catch (error) {
    if (error instanceof assert.AssertionError && !/connection ended/.test(error.message)) throw error
    return mine
  }
}

async function check(session: KmipSession, known: Known): Promise<void> {
  const { id, digest, revoked, destroyed, withdrawn } = known
  const about = JSON.stringify(known)
  const now = await digestOf(session, id)
  if (destroyed === 'done' || withdrawn) assert.equal(now, undefined, `came back: ${about}`)
  else if (destroyed === 'no')
    assert.ok(now !== undefined && now === (digest ?? now), `does not open: ${about}`)
  if (revoked !== 'done' || destroyed === 'done' || now === undefined) return
  const [state] = await session.values('1.4', id, 'State')
  assert.equal(state, 'Deactivated', about)
}

function generationOf({ description }: { readonly description: string }): number {
  return Number(/generation (\d+)/.exec(description)?.[1])
}

interface StandardKey {
  readonly id: string
  readonly name: string
  readonly state: number
  readonly description: string
}

/** The standard keys of each identifier, the highest generation first, deleted ones included. */
async function generations(): Promise<(known: Known) => readonly StandardKey[]> {
  const keys = await fake.control<readonly StandardKey[]>('GET', 'keys')
  const named = Map.groupBy(keys, ({ name }) => name)
  return ({ id }) =>
    (named.get(standardKeyName(id)) ?? []).toSorted((a, b) => generationOf(b) - generationOf(a))
}

/** Deletes its standard key of the highest generation, as its owner may. */
async function withdraw(known: Known): Promise<void> {
  const newest = (await generations())(known).find(({ state }) => state !== 5)
  assert.ok(newest, 'it has a standard key')
  await fake.admin('DELETE', `/keys/${newest.id}`)
  known.withdrawn = true
}

/** The same of one that was rewritten, and an older generation is there still, or again. false: there is no such key. */
async function withdrawAndLeaveOlder(all: Iterable<Known>): Promise<boolean> {
  const generationsOf = await generations()
  for (const known of all) {
    if (known.destroyed !== 'no' || known.withdrawn) continue
    const [newest, older] = generationsOf(known)
    if (newest?.state !== 1 || !older) continue
    await fake.admin('DELETE', `/keys/${newest.id}`)
    if (older.state === 5) {
      await fake.advance(40)
      await fake.admin('POST', `/keys/${older.id}/restore`)
    }
    known.withdrawn = true
    return true
  }
  return false
}

/** Throws what it finds wrong. Returns what was done, for those who want to know that there was enough of it. */
export async function loseDatabases({ moments, seed }: { readonly moments: number; readonly seed: number }) {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-recovery-'))
  fake = await KeyProtectFake.start()
  identity = await clientCertificate('self-signed')
  try {
    return await loseEachMoment(moments, seed)
  } catch (cause) {
    throw new Error(`seed ${seed}: ${String(cause)}`, { cause })
  } finally {
    for (const server of started) await server.kill()
    await fake.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function loseEachMoment(moments: number, seed: number) {
  const random = randomFrom(seed)
  const rootKeyId = await fake.rootKey()
  const rootKey = fake.uri(rootKeyId)
  const all = new Map<string, Known>()
  let site = await start()
  await create(site, rootKey)
  const counts = { restored: 0, cutOff: 0, rewrapped: 0, olderLeft: 0 }
  for (let moment = 0; moment < moments; moment++) {
    await trust(site)
    if (moment % 5 === 2) {
      await fake.advance(3_700)
      await fake.admin('POST', `/keys/${rootKeyId}/actions/rotate`)
      await site.admin.call(instanceRoutes.rewrapInstance, { instance: 'vmware' })
      counts.rewrapped++
    }
    const { port } = site.server.kmip
    const workers = [1, 2, 3].map(() => work(port, all, random))
    await sleep(50 + random() * 350)
    // A busy machine takes longer to do something that there is to bring back.
    const revoked = () => [...all.values()].filter((known) => known.revoked === 'done').length
    while (all.size < 5 * (moment + 1) || revoked() <= moment) await sleep(10)
    await lose(site)
    const touched = (await Promise.all(workers)).flat()
    const quiet = touched.filter(({ destroyed, digest }) => destroyed === 'no' && digest !== undefined)
    if (quiet[0] && moment % 2 === 0) await withdraw(quiet[0])
    if (counts.rewrapped > 0 && (await withdrawAndLeaveOlder(all.values()))) counts.olderLeft++

    site = await start()
    if (moment % 4 === 3) {
      await site.admin.call(restoreRoutes.beginRestore, { body: { rootKey } })
      await sleep(random() * 60)
      await site.server.kill()
      site = await start(site.server.data)
      counts.cutOff++
    }
    const there = (await site.admin.call(instanceRoutes.listInstances)).find(({ name }) => name === 'vmware')
    if (!there) await restored(site, rootKey)
    counts.restored++
    await trust(site)
    const older = [...all.values()].filter(() => random() < 0.1)
    using session = await openSession(site.server.kmip.port, identity)
    for (const known of new Set([...touched, ...older])) await check(session, known)
    await site.admin.call(clientRoutes.removeClient, { instance: 'vmware', client: 'vcenter' })
  }
  await trust(site)
  using session = await openSession(site.server.kmip.port, identity)
  for (const known of all.values()) await check(session, known)
  const deeds = [...all.values()]
  const done = (what: (known: Known) => boolean) => deeds.filter(what).length
  return {
    ...counts,
    keys: all.size,
    revoked: done(({ revoked }) => revoked === 'done'),
    destroyed: done(({ destroyed }) => destroyed === 'done'),
    withdrawn: done(({ withdrawn }) => withdrawn),
  }
}
