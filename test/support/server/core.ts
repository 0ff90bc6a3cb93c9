// The server's core as src/core/server/core.ts builds it, without listeners: on a real store in a folder of its own, with root keys
// that fail on command, and a clock that tests move. Nothing of it runs in the background unless a test starts it.

import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { buildCore, type Core, type CorePorts, type RootKeySource } from '../../../src/core/server/core.ts'
import type { ConnectingPeer } from '../../../src/core/trust/access.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { Caller } from '../../../src/core/trust/caller.ts'
import type { MaybePromise } from '../../../src/base/maybe-promise.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import type { AuditCheckpoint } from '../../../src/core/ports/audit.ts'
import type { RootKey } from '../../../src/core/ports/root-key.ts'
import type { Instance } from '../../../src/core/trust/rows.ts'
import type { Grantor } from '../../../src/core/trust/grantor.ts'
import type { AttributeInstance, AttributeSet } from '../../../src/wire/kmip/attributes.ts'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { makeCertificate, type TestIdentity } from '../certificates/certificates.ts'
import { MovableClock } from '../time/movable-clock.ts'
import { FaultyRootKey } from '../root-keys/faulty-root-key.ts'
import { threadsHere } from '../store/threads-here.ts'

export const dayMs = 24 * 3600_000

/** An administrator who may do everything. */
export const manager: Grantor = { ...serverActor, role: 'manager', onlyInstanceId: null }

export interface TestCore extends Omit<Core, 'alarms'> {
  readonly clock: MovableClock
  /** The database's file, for those who edit it by hand. */
  readonly file: string
  readonly rootKey: FaultyRootKey
  /** One pass over everything at root keys' services, as the server does it by itself. */
  readonly sweep: () => Promise<void>
  /** Lines of the log so far, from level info. */
  readonly lines: readonly LogLine[]
  /** What was found altered behind the server's back, as the log says it. */
  readonly alarms: readonly string[]
  /** How the root keys of instances were found, as the log says it; in order, each change once. */
  readonly events: readonly string[]
  close(): Promise<void>
  /** The same place after a stop and a start. */
  reopen(): Promise<TestCore>
  /** Another server on a copy of the data folder, as when somebody copies or restores one by mistake. */
  copy(): Promise<TestCore>
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
  readonly alarm?: 'tampering'
  readonly checkpoint?: AuditCheckpoint
}

export interface TestCoreOptions {
  /** To have a store that fails on command around the real one. */
  readonly wrap?: (store: CorePorts['store']) => CorePorts['store']
  /** Other root keys, by URI. */
  readonly rootKeys?: readonly RootKey[]
  /** Stands before each root key that is opened. */
  readonly open?: (rootKey: RootKey) => Promise<RootKey>
  /** For root keys at a service that asks for API keys. */
  readonly service?: Partial<Pick<RootKeySource, 'serviceOf' | 'forget'>>
}

/** Closed and removed after the test. */
export async function openCore(t: TestContext, options: TestCoreOptions = {}): Promise<TestCore> {
  return build(await groundOf(t, { clock: new MovableClock(), rootKey: new FaultyRootKey(), options }))
}

interface Ground {
  readonly test: TestContext
  readonly file: string
  /** Closes each core that was opened here. */
  readonly closers: (() => Promise<void>)[]
  readonly clock: MovableClock
  readonly rootKey: FaultyRootKey
  readonly options: TestCoreOptions
}

/** A folder of its own. The writer runs here (writer-here.ts), so all is closed before the folder is removed. */
async function groundOf(
  test: TestContext,
  place: Pick<Ground, 'clock' | 'rootKey' | 'options'>,
): Promise<Ground> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-core-'))
  const closers: Ground['closers'] = []
  test.after(async () => {
    for (const close of closers) await close()
    await rm(folder, { recursive: true, force: true })
  })
  return { test, file: path.join(folder, 'mortise.db'), closers, ...place }
}

async function build(ground: Ground): Promise<TestCore> {
  const { file, clock, rootKey, options } = ground
  await using opened = new AsyncDisposableStack()
  const store = await openSqliteStore({ file, clock, reserveBytes: 0, threads: threadsHere })
  opened.defer(() => store.close())
  const [lines, alarms, events]: [LogLine[], string[], string[]] = [[], [], []]
  const write = (text: string) => {
    const line = JSON.parse(text) as LogLine
    lines.push(line)
    if (line.alarm !== undefined) alarms.push(line.message)
    events.push(...(rootKeyEvents[line.message] ?? []))
  }
  const log = createLog({ format: 'json', level: 'info', write })
  const place = { clock, store: options.wrap?.(store) ?? store, machine: null }
  const ports = { ...place, rootKey, log, metrics: createMetrics() }
  const rootKeys = rootKeySource(rootKey, options)
  const core = await buildCore({ ...ports, rootKeys, durableReads: () => false }, opened)
  const running = opened.move()
  const close = () => running.disposeAsync()
  ground.closers.push(close)
  const reopen = async () => {
    await close()
    return build(ground)
  }
  const copy = async () => {
    const other = await groundOf(ground.test, { clock: new MovableClock(), rootKey, options })
    copyFileSync(store.anchorFile, `${other.file}.anchor`)
    edit(file, 'VACUUM INTO ?', other.file)
    return build(other)
  }
  const sweep = () => core.custodies.keyprotect.sweep.run({ everything: true })
  return { ...core, clock, file, rootKey, sweep, lines, alarms, events, close, reopen, copy }
}

const rootKeyEvents: Readonly<Record<string, readonly string[]>> = {
  'an instance is served without its root key': ['unreachable'],
  'the root key of an instance was withdrawn: its keys are not served': ['withdrawn'],
  'the root key of an instance answers again': ['answers'],
}

function rootKeySource(own: RootKey, { rootKeys = [], open, service }: TestCoreOptions): RootKeySource {
  return {
    open: async (uri) => {
      const found = [own, ...rootKeys].find((one) => one.uri === uri) ?? assert.fail(`no root key ${uri}`)
      return open ? open(found) : found
    },
    serviceOf: () => undefined,
    calls: () => [],
    connect: () => undefined,
    forget: () => undefined,
    ...service,
  }
}

/** An instance sealed by the core's root key. */
export function makeInstance(
  core: TestCore,
  name = 'default',
  settings: Partial<Instance> = {},
): Promise<Instance> {
  const { uri } = core.rootKey
  return core.trust.instances.create(serverActor, {
    name,
    custody: 'database',
    rootKeyUri: uri,
    ...settings,
  })
}

export function peerOf({ certificate }: TestIdentity, address = '192.0.2.7'): ConnectingPeer {
  return { certificate, address }
}

/** Looks up again each time who asks, as a door does. */
export type Identify = () => Promise<Caller>

/** Trusts a certificate as a client of the instance that may ask for everything. */
export async function trustClient(
  core: TestCore,
  instance: Instance,
  name = 'vcenter',
  identity?: TestIdentity,
): Promise<{ readonly identify: Identify; readonly identity: TestIdentity }> {
  const used = identity ?? (await makeCertificate({ key: 'ec', ownKey: true, commonName: name }))
  await core.trust.clients.trustCertificate(manager, {
    instanceId: instance.id,
    name,
    certificate: used.certificate,
    allow: ['all'],
  })
  return { identity: used, identify: identifyAs(core, used) }
}

/** Looks a client up that is trusted already. */
export function identifyAs(core: TestCore, identity: TestIdentity): Identify {
  const peer = peerOf(identity)
  return async () => {
    const verdict = await core.access.identify(peer)
    if (!verdict.trusted) throw new Fault('AuthenticationNotSuccessful', verdict.why)
    return core.access.callerOf(verdict, peer, 'request-1')
  }
}

/** A core with one instance and one client, which is what most tests begin with. */
export async function openCoreWithClient(
  t: TestContext,
  options: TestCoreOptions = {},
  settings: Partial<Instance> = {},
) {
  const core = await openCore(t, options)
  const instance = await makeInstance(core, 'default', settings)
  const { identify, identity } = await trustClient(core, instance)
  const perform = <T>(work: (work: KeyTransaction) => MaybePromise<T>) => core.keys.perform(identify, work)
  return { core, instance, identify, identity, perform }
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

/** A Name as clients give it. */
export const name = (NameValue: string) => ({ NameValue, NameType: 'UninterpretedTextString' }) as const

/** Work that creates an AES-256 key and gives its identifier. */
export function createKey(more: Readonly<Record<string, unknown>> = {}) {
  return (work: KeyTransaction) =>
    work.create({ objectType: 'SymmetricKey', attributes: aesAttributes(more) })
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
