// The admin door on a real store, with tokens of every kind and two instances: for tests of its rules. Tests that go
// through the whole server start it with server.ts instead.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { AdminContext } from '../../src/admin/context.ts'
import type { Role } from '../../src/admin/route.ts'
import { Restores } from '../../src/admin/restores.ts'
import { startAdmin, type AdminOptions } from '../../src/admin/server.ts'
import { serviceInstanceOf } from '../../src/serve/ibm.ts'
import { Access } from '../../src/trust/access.ts'
import { ApiKeys } from '../../src/instances/api-keys.ts'
import { Audit } from '../../src/audit/audit.ts'
import { serverActor } from '../../src/audit/actor.ts'
import { InstanceReports } from '../../src/instances/report.ts'
import { InstanceWorker } from '../../src/instances/worker.ts'
import { Keyring } from '../../src/sealing/keyring.ts'
import { Keys } from '../../src/keys/keys.ts'
import { Pending } from '../../src/trust/pending.ts'
import { Custodies } from '../../src/custody/custodies.ts'
import { objectRecords } from '../../src/keys/object-records.ts'
import { Secrets } from '../../src/sealing/secrets.ts'
import type { Store } from '../../src/ports/store.ts'
import { LastSeen } from '../../src/trust/last-seen.ts'
import { createTrustChanges } from '../../src/instances/trust-changes.ts'
import type { Instance } from '../../src/trust/rows.ts'
import { neighbourhood } from '../../src/kmip-server/address.ts'
import { certificateOrNull } from '../../src/pki/certificate.ts'
import { privateKeyPem } from '../../src/pki/issue.ts'
import {
  filtersOverlap,
  sameAuthority,
  matchesSubject,
  signedForClient,
  validity,
} from '../../src/pki/match.ts'
import { listRootKeys, openRootKey } from '../../src/rootkey/open.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { ServerCertificates } from '../../src/serve/server-certificates.ts'
import { openServerIdentity } from '../../src/serve/server-identity.ts'
import { systemClock } from '../../src/serve/system-clock.ts'
import { openSqliteStore } from '../../src/store/open.ts'
import { askHttps, type Answer, type Ask } from './https.ts'

export interface TestDoor {
  /** The database's file, for those who edit it by hand. */
  readonly file: string
  readonly url: string
  readonly port: number
  readonly authorityPem: string
  readonly certificateSha256: string
  readonly context: AdminContext
  /** Two, of which no client or instance token of one may see the other. */
  readonly red: Instance
  readonly blue: Instance
  /** What was reported as bugs so far. */
  readonly bugs: unknown[]
  /** The bearer text of a token. */
  token(role: Role, instance?: Instance, expiresMs?: number): Promise<string>
  ask(method: string, pathAndQuery: string, ask?: Ask): Promise<Answer>
  close(): Promise<void>
}

export type DoorSettings = Partial<
  Pick<AdminOptions, 'requestTimeoutMs' | 'handshakeTimeoutMs' | 'subnetOf' | 'displaced'>
> & {
  /** Called for what was found altered; left out: nothing may be. */
  readonly alarm?: (message: string) => void
  /** Puts something between the server and its store. */
  readonly around?: (store: Store) => Store
}

export async function startDoor({ around, alarm = fail, ...options }: DoorSettings = {}): Promise<TestDoor> {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'mortise-admin-'))
  const clock = systemClock
  const opened = await openSqliteStore({ file: path.join(dataFolder, 'mortise.db'), clock })
  const store = around?.(opened) ?? opened
  const rootKey = await openRootKey('file:root.key', { dataFolder, create: true })
  const secrets = await Secrets.open(store, rootKey)
  const certificates = { validity, signedBy: signedForClient, matchesSubject }
  const access = new Access({ store, macs: secrets, clock, certificates, alarm })
  const events = { unreachable: fail, withdrawn: fail, answers: fail }
  const keyring = new Keyring({
    store,
    clock,
    events,
    openRootKey: async (uri) => openRootKey(uri, { dataFolder, create: false }),
  })
  const instances = async () => [...(await access.snapshot()).tables.instance.values()]
  const custodies = new Custodies({ store, clock, keyring, instances, objects: objectRecords(store, clock) })
  const trust = createTrustChanges({
    store,
    macs: secrets,
    clock,
    access,
    keyring,
    custodies,
    filtersOverlap,
    sameAuthority,
    signedBy: signedForClient,
    matchesSubject,
  })
  const parts = { store, clock, access, keyring, custodies }
  const identity = await openServerIdentity(secrets, [], clock.now())
  const log = createLog({ format: 'json', level: 'error', write: fail })
  const served = await ServerCertificates.open({ secrets, clock, log, identity, names: () => [] })
  const lastSeen = new LastSeen(store, clock, fail)
  const context: AdminContext = {
    access,
    trust,
    pending: await Pending.open({
      store,
      clock,
      describe: certificateOrNull,
      subnetOf: neighbourhood,
      failed: fail,
    }),
    audit: await Audit.open(store, clock, secrets, () => {}),
    instanceWork: new InstanceWorker({
      ...parts,
      changes: trust.work,
      onFailure: () => fail,
    }),
    reports: new InstanceReports({ ...parts, openRootKey: keyring.openRootKey, progress: () => undefined }),
    keys: new Keys({ store, custodies, access, clock, durableReads: () => false }),
    store,
    restores: new Restores({
      restore: () => Promise.reject(new Error('there is none here')),
      isThere: async () => false,
      failed: () => {},
    }),
    lastSeen,
    clock,
    authority: identity.authority,
    serverCertificate: () => served.active.certificate,
    serverCertificates: served,
    reload: async () => ({ applied: [], needRestart: [] }),
    readiness: async () => {
      return {
        ready: true,
        reason: null,
        degraded: new Map(),
        closed: [],
        altered: [],
        standardKeys: [],
        calls: [],
      }
    },
    rootKeys: {
      initial: rootKey.uri,
      prepare: async (uri) => openRootKey(uri, { dataFolder, create: true }),
      list: async (uri) => listRootKeys(uri, { dataFolder, create: false }),
    },
    apiKeys: new ApiKeys({ store, secrets, access, serviceOf: serviceInstanceOf, onChange: () => {} }),
    about: { version: '0.0.0-test', startedMs: clock.now(), kmip: '127.0.0.1:5696' },
    metrics: async () => 'mortise_test 1\n',
  }
  const settings = { custody: 'database', rootKeyUri: rootKey.uri } as const
  const red = await trust.instances.create(serverActor, { name: 'red', ...settings })
  const blue = await trust.instances.create(serverActor, { name: 'blue', ...settings })
  const bugs: unknown[] = []
  const door = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    tls: { cert: identity.server.certificate.pem, key: privateKeyPem(identity.server.privateKey) },
    hosts: ['kms.example.test'],
    context,
    subnetOf: (address) => address,
    answered: () => {},
    failed: (error) => bugs.push(error),
    ...options,
  })
  const authorityPem = identity.authority.certificate.pem
  return {
    file: path.join(dataFolder, 'mortise.db'),
    url: door.url,
    port: door.port,
    authorityPem,
    certificateSha256: identity.server.certificate.sha256,
    context,
    red,
    blue,
    bugs,
    token: async (role, instance, expiresMs) => {
      const instanceId = instance?.id ?? null
      const wanted = { name: `${role} of a test`, role, instanceId, expiresMs: expiresMs ?? null }
      return (await trust.tokens.create(serverActor, wanted)).bearer
    },
    ask: async (method, pathAndQuery, ask) => askHttps(door.url, authorityPem, method, pathAndQuery, ask),
    close: async () => {
      await door.close()
      await context.pending.close()
      await lastSeen.flush()
      await store.close()
      rmSync(dataFolder, { recursive: true, force: true })
    },
  }
}

function fail(error: unknown): never {
  throw error
}
