// The world of keys/ without a door: a real store in a folder of its own, a root key that can be told to fail, and a
// clock that tests move. What serve.ts builds around it is not here.

import assert from 'node:assert/strict'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Access, type ConnectingPeer } from '../../src/trust/access.ts'
import { Audit } from '../../src/audit/audit.ts'
import { serverActor } from '../../src/audit/actor.ts'
import type { Caller } from '../../src/trust/caller.ts'
import { Keyring } from '../../src/sealing/keyring.ts'
import { Keys } from '../../src/keys/keys.ts'
import type { KeyWork } from '../../src/keys/key-work.ts'
import type { AuditCheckpoint } from '../../src/ports/audit.ts'
import type { Store } from '../../src/ports/store.ts'
import type { RootKey } from '../../src/ports/root-key.ts'
import { Custodies } from '../../src/custody/custodies.ts'
import { objectRecords } from '../../src/keys/object-records.ts'
import { Secrets } from '../../src/sealing/secrets.ts'
import { createTrustChanges, type TrustChanges } from '../../src/instances/trust-changes.ts'
import type { Instance } from '../../src/trust/rows.ts'
import type { Grantor } from '../../src/trust/grantor.ts'
import type { AttributeInstance, AttributeSet } from '../../src/kmip/attributes.ts'
import { maskOf } from '../../src/kmip/enums.ts'
import { Fault } from '../../src/kmip/fault.ts'
import {
  filtersOverlap,
  sameAuthority,
  matchesSubject,
  signedForClient,
  validity,
} from '../../src/pki/match.ts'
import { openSqliteStore } from '../../src/store/open.ts'
import { makeCertificate, type TestIdentity } from './certificates.ts'
import { MovableClock } from './movable-clock.ts'
import { FaultyRootKey } from './faulty-root-key.ts'
import { storeFolder } from './store-place.ts'

export const dayMs = 24 * 3600_000

/** Who may do everything. */
export const manager: Grantor = { ...serverActor, role: 'manager', onlyInstanceId: null }

export interface World {
  readonly clock: MovableClock
  /** The database's file, for those who edit it by hand. */
  readonly file: string
  readonly rootKey: FaultyRootKey
  readonly store: Store
  readonly secrets: Secrets
  readonly access: Access
  readonly keyring: Keyring
  readonly custodies: Custodies
  /** One pass over everything at root keys' services, as the server does it by itself. */
  readonly sweep: () => Promise<void>
  readonly trust: TrustChanges
  readonly keys: Keys
  readonly audit: Audit
  /** What access told of tampering, each once. */
  readonly alarms: readonly string[]
  /** What the keyring told, in order. */
  readonly events: readonly string[]
  readonly published: readonly AuditCheckpoint[]
  close(): Promise<void>
  /** The same place after a stop and a start. */
  reopen(): Promise<World>
  /** Another server on a copy of the data folder, as when somebody copies or restores one by mistake. */
  copy(): Promise<World>
}

export interface WorldOptions {
  /** To have a store that fails on command around the real one. */
  readonly wrap?: (store: Store) => Store
  /** Other root keys, by URI. */
  readonly rootKeys?: readonly RootKey[]
}

/** Closed and removed after the test. */
export async function openWorld(t: TestContext, options: WorldOptions = {}): Promise<World> {
  const file = path.join(await storeFolder(t), 'mortise.db')
  return build(t, { file, clock: new MovableClock(), rootKey: new FaultyRootKey(), options })
}

interface Ground {
  readonly file: string
  readonly clock: MovableClock
  readonly rootKey: FaultyRootKey
  readonly options: WorldOptions
}

async function build(t: TestContext, ground: Ground): Promise<World> {
  const { file, clock, rootKey, options } = ground
  const opened = await openSqliteStore({ file, clock, reserveBytes: 0 })
  t.after(() => opened.close())
  const store = options.wrap?.(opened) ?? opened
  const alarms: string[] = []
  const events: string[] = []
  const published: AuditCheckpoint[] = []
  const secrets = await Secrets.open(store, rootKey)
  const certificates = { validity, signedBy: signedForClient, matchesSubject }
  const access = new Access({
    store,
    macs: secrets,
    clock,
    certificates,
    alarm: (message) => alarms.push(message),
  })
  const keyring = new Keyring({
    store,
    clock,
    openRootKey: (uri) => {
      const found = [rootKey, ...(options.rootKeys ?? [])].find((candidate) => candidate.uri === uri)
      return found ? Promise.resolve(found) : Promise.reject(new Error(`no root key ${uri}`))
    },
    events: {
      unreachable: () => events.push('unreachable'),
      withdrawn: () => events.push('withdrawn'),
      answers: () => events.push('answers'),
    },
  })
  const custodies = new Custodies({
    store,
    clock,
    keyring,
    instances: async () => [...(await access.snapshot()).tables.instance.values()],
    objects: objectRecords(store, clock),
  })
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
  const keys = new Keys({ store, custodies, access, clock, durableReads: () => false })
  const audit = await Audit.open(store, clock, secrets, (checkpoint) => published.push(checkpoint))
  const close = () => opened.close()
  const reopen = async () => {
    await close()
    return build(t, ground)
  }
  const copy = async () => {
    const other = path.join(await storeFolder(t), 'mortise.db')
    edit(file, 'VACUUM INTO ?', other)
    return build(t, { ...ground, file: other, clock: new MovableClock() })
  }
  const parts = {
    clock,
    file,
    rootKey,
    store,
    secrets,
    access,
    keyring,
    custodies,
    sweep: () => custodies.keyprotect.sweep.run({ everything: true }),
    trust,
    keys,
    audit,
  }
  return { ...parts, alarms, events, published, close, reopen, copy }
}

/** An instance sealed by the world's root key. */
export function makeInstance(
  world: World,
  name = 'default',
  settings: Partial<Instance> = {},
): Promise<Instance> {
  const { uri } = world.rootKey
  return world.trust.instances.create(serverActor, {
    name,
    custody: 'database',
    rootKeyUri: uri,
    ...settings,
  })
}

export function peerOf({ certificate }: TestIdentity, address = '192.0.2.7'): ConnectingPeer {
  return { certificate, address }
}

/** Who asks, as a door tells it: looked up anew each time. */
export type Identify = () => Promise<Caller>

/** Trusts a certificate as a client of the instance. */
export async function trustClient(
  world: World,
  instance: Instance,
  name = 'vcenter',
  identity?: TestIdentity,
): Promise<{ readonly identify: Identify; readonly identity: TestIdentity }> {
  const used = identity ?? (await makeCertificate({ key: 'ec', ownKey: true, commonName: name }))
  await world.trust.clients.trustCertificate(manager, {
    instanceId: instance.id,
    name,
    certificate: used.certificate,
  })
  return { identity: used, identify: identifyAs(world, used) }
}

function identifyAs(world: World, identity: TestIdentity): Identify {
  const peer = peerOf(identity)
  return async () => {
    const verdict = await world.access.identify(peer)
    if (!verdict.trusted) throw new Fault('AuthenticationNotSuccessful', verdict.why)
    return world.access.callerOf(verdict, peer, 'request-1')
  }
}

/** A world with one instance and one client, which is what most tests begin with. */
export async function openWorldWithClient(t: TestContext, options: WorldOptions = {}) {
  const world = await openWorld(t, options)
  const instance = await makeInstance(world)
  const { identify, identity } = await trustClient(world, instance)
  const perform = <T>(work: (work: KeyWork) => Promise<T>) => world.keys.perform(identify, work)
  return { world, instance, identify, identity, perform }
}

/** Attributes of an AES-256 key, and more: one value each, or several instances. */
function aesAttributes(more: Readonly<Record<string, unknown>> = {}): AttributeSet {
  const base = {
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
    CryptographicUsageMask: maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt']),
  }
  return attributeSet({ ...base, ...more })
}

/** An array stands for several instances. */
export function attributeSet(values: Readonly<Record<string, unknown>>): AttributeSet {
  return new Map(
    Object.entries(values).map(([key, value]) => {
      const all: readonly unknown[] = Array.isArray(value) ? value : [value]
      return [key, all.map((one, index): AttributeInstance => ({ index, value: one }))]
    }),
  )
}

/** Work that creates an AES-256 key and gives its identifier. */
export function createKey(more: Readonly<Record<string, unknown>> = {}) {
  return (work: KeyWork) => work.create({ objectType: 'SymmetricKey', attributes: aesAttributes(more) })
}

/** Runs a statement on the database as somebody who may write its file. Gives the number of changed rows. */
export function edit(file: string, sql: string, ...values: SQLInputValue[]): number {
  const database = new DatabaseSync(file, { timeout: 2_000 })
  try {
    return Number(database.prepare(sql).run(...values).changes)
  } finally {
    database.close()
  }
}

/** Like `edit`, and the rows that it finds. */
export function look(file: string, sql: string, ...values: SQLInputValue[]) {
  const database = new DatabaseSync(file, { timeout: 2_000 })
  try {
    return database.prepare(sql).all(...values)
  } finally {
    database.close()
  }
}

/** For assert.rejects: a Fault with that reason. */
export function faults(reason: Fault['reason'], message = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof Fault, `not a Fault: ${String(error)}`)
    assert.equal(error.reason, reason, error.message)
    assert.match(error.message, message)
    return true
  }
}
