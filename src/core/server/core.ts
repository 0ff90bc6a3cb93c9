// Builds everything but the listeners from clock, store, root keys and log. The server and the tests call the same
// function. Nothing runs in the background before `start`.

import type { RootKeyCalls } from '../ports/root-keys.ts'
import { Audit } from '../audit/audit.ts'
import { MarkCheck, type MarkCheckParts } from '../audit/mark-check.ts'
import { CryptoPool } from '../crypto/pool.ts'
import { Custodies } from '../custody/custodies.ts'
import { ApiKeys } from '../instances/api-keys.ts'
import { InstanceReports } from '../instances/report.ts'
import type { HandedBack } from '../instances/rewrap.ts'
import { createTrustChanges, type TrustChanges } from '../instances/trust-changes.ts'
import { UpstreamKeys } from '../instances/upstream-keys.ts'
import { InstanceWorker } from '../instances/worker.ts'
import { Keys } from '../keys/keys.ts'
import { objectRecords } from '../keys/transaction/object-records.ts'
import { RecoveryClock } from '../keys/object/recovery-clock.ts'
import { RecoverySweep } from '../keys/recovery/recovery-sweep.ts'
import { subnetOf } from '../../base/address.ts'
import { certificateOrNull } from '../pki/certificate.ts'
import { filtersOverlap, matchesSubject, sameAuthority, signedForClient, validity } from '../pki/match.ts'
import { twinOf } from '../pki/twin.ts'
import type { AnchoredStore } from '../ports/anchor.ts'
import type { Clock } from '../ports/clock.ts'
import type { OpenRootKey, RootKey } from '../ports/root-key.ts'
import type { Store } from '../ports/store.ts'
import { EndedSessions } from '../sealing/ended-sessions.ts'
import { Integrity } from '../sealing/integrity.ts'
import { Keyring } from '../sealing/keyring.ts'
import { Secrets } from '../sealing/secrets.ts'
import { ServerNotes } from '../sealing/server-notes.ts'
import { Alarms } from './alarms.ts'
import { holdToAnchor } from './anchor.ts'
import { NodeLeases } from './leases.ts'
import { holdToMachine } from './machine-id.ts'
import { Readiness } from './readiness.ts'
import { RootKeyProof } from './root-key-proof.ts'
import type { Log } from '../ports/log.ts'
import type { CoreMetrics } from '../ports/metrics.ts'
import { Access } from '../trust/access.ts'
import { ChangePace } from '../trust/change-pace.ts'
import { LastSeen } from '../trust/last-seen.ts'
import { Pending } from '../trust/pending.ts'
import { Sessions } from '../trust/sessions.ts'
import { UnservedVersions } from '../trust/unserved-versions.ts'

/** Everything outside the core. Tests pass a clock that they turn and root keys that fail on command. */
export interface CorePorts {
  readonly clock: Clock
  readonly store: Store & AnchoredStore
  /** Identifies the machine; null: not known. */
  readonly machine: string | null
  /** Seals the server's own secrets. */
  readonly rootKey: RootKey
  readonly rootKeys: RootKeySource
  readonly log: Log
  readonly metrics: CoreMetrics
  /** `audit.reads = "durable"`: the access record of a Get waits for the disk (design: invariant 1). Asked each time. */
  readonly durableReads: () => boolean
}

/** The source of the instances' root keys. */
export interface RootKeySource {
  readonly open: OpenRootKey
  /** The id of the service instance that a root key's URI names; undefined if that root key needs no API key. */
  readonly serviceOf: (rootKeyUri: string) => string | undefined
  /** The calls to root key services that are in progress. */
  readonly calls: () => readonly RootKeyCalls[]
  /** Called once. From then on instances speak to the services with API keys of their own, where they have any. */
  readonly connect: (core: {
    readonly apiKeys: Pick<ApiKeys, 'of' | 'has'>
    /** Called with each wrapped data key that the service returned under a newer version of its root key. */
    readonly onRewrapped: (event: HandedBack) => void
  }) => void
  /** Drops what was opened with an instance's old API key. */
  readonly forget: (instanceId: string) => void
}

export interface Core {
  readonly clock: Clock
  readonly store: Store
  readonly secrets: Secrets
  readonly apiKeys: ApiKeys
  readonly audit: Audit
  readonly marks: MarkCheck
  readonly alarms: Alarms
  readonly readiness: Readiness
  readonly access: Access
  readonly keyring: Keyring
  readonly custodies: Custodies
  readonly trust: TrustChanges
  readonly keys: Keys
  /** The clock by which destroyed keys wait for their removal. */
  readonly recovery: RecoveryClock
  readonly recoverySweep: RecoverySweep
  readonly instanceWork: InstanceWorker
  readonly reports: InstanceReports
  /** The background work that this node does. */
  readonly leases: NodeLeases
  readonly upstreamKeys: UpstreamKeys
  readonly pending: Pending
  readonly lastSeen: LastSeen
  readonly unservedVersions: UnservedVersions
  /** The sessions of people in the console. */
  readonly sessions: Sessions
  readonly notes: ServerNotes
  readonly rootKeyProof: RootKeyProof
  /** Starts the background work: it checks root keys, sweeps, and resumes interrupted work. */
  start(): void
}

const authorityRules = { filtersOverlap, sameAuthority, signedBy: signedForClient, matchesSubject }

/**
 * Registers what must be closed on `opened`, except the store, which the caller closes. Rejects with RestoreNotAccepted if the
 * store is older than its anchor or comes from another machine, and with an error that says what to do if the server's secrets do
 * not open.
 */
export async function buildCore(ports: CorePorts, opened: AsyncDisposableStack): Promise<Core> {
  const { clock, store, machine, rootKey, rootKeys, log, metrics, durableReads } = ports
  const failed = (what: string) => (error: unknown) => log.error({ error }, what)
  const alarms = new Alarms(log)
  const integrity = new Integrity(clock, alarms.altered)
  const secrets = await Secrets.open(store, rootKey, integrity)
  const anchored = await holdToAnchor(store, secrets)
  await holdToMachine(store, secrets, machine)
  store.openMarks(secrets.markKey())
  await store.openAccessLog(secrets.accessKey())
  const audit = await Audit.open(store, clock, secrets, (checkpoint) => {
    log.info({ checkpoint }, 'audit checkpoint')
  })
  const leases = new NodeLeases({ store, clock, failed: failed('keep a lease') })
  opened.defer(() => leases.stop())
  const readiness = new Readiness({ log, clock, metrics, audit, calls: rootKeys.calls })
  opened.defer(() => readiness.rootKeys.stop())
  const guarded = { openRootKey: rootKeys.open, events: readiness.rootKeys }
  const keyring = new Keyring({ store, clock, integrity, ...guarded })
  const memory = new UnsealedMemory(keyring)
  const access = await openAccess({ store, macs: secrets, clock, alarms, audit, closed: memory.drop })
  const { serviceOf, forget: onChange } = rootKeys
  const apiKeys = new ApiKeys({ store, secrets, access, serviceOf, onChange })
  const tidyApiKeys = () => apiKeys.tidy().catch(failed('remove API keys that nothing needs any more'))
  const custodies = new Custodies({
    store,
    clock,
    keyring,
    instances: async () => [...(await access.snapshot()).tables.instance.values()],
    objects: objectRecords(store, clock, async (id) => (await access.snapshot()).tables.instance.get(id)),
    onEmpty: tidyApiKeys,
    moveToItsPlace: (instanceId, identifier) => instanceWork.moveToItsPlace(instanceId, identifier),
  })
  opened.defer(() => custodies.stop())
  const marks = openMarks({ store, clock, secrets, audit, alarms, custodies }, anchored, opened)
  const signTrust = async () => (await access.snapshot(), audit.checkpoint())
  const changed = () => {
    void signTrust().catch(failed('sign for a change of trust'))
    void tidyApiKeys()
  }
  const parts = { store, clock, access, keyring, custodies, changePace: new ChangePace(clock) }
  const trust = createTrustChanges({ ...parts, ...authorityRules, serviceOf, macs: secrets, changed })
  const recover = await openRecovery({ store, clock, leases, access }, opened)
  const refusalsFailed = failed('enter how often clients were refused')
  const keys = openKeys({ ...parts, ...recover, durableReads, changed, refusalsFailed }, opened)
  memory.keys = keys
  const instanceWork = new InstanceWorker({ ...parts, leases, changes: trust.work, onFailure: failed })
  opened.defer(() => instanceWork.stop())
  rootKeys.connect({ apiKeys, onRewrapped: (event) => instanceWork.rewrapped(event) })
  const upstreamKeys = new UpstreamKeys({ store, secrets, access })
  const progress = (instanceId: string) => instanceWork.progress(instanceId)
  const reports = new InstanceReports({ store, clock, custodies, openRootKey: keyring.openRootKey, progress })
  const seen = await openSeen({ store, clock, failed }, opened)
  const start = () => {
    leases.start()
    void tidyApiKeys()
    void upstreamKeys.tidy().catch(failed('remove keys of upstreams that are gone'))
    readiness.rootKeys.start({ access, keyring })
    custodies.start(failed("complete what was begun at root keys' services"), leases)
    instanceWork.start()
    marks.start(failed('complete the marks of destroyed keys'))
    recover.recoverySweep.start(failed('remove the material of destroyed keys'))
  }
  const state = serverState({ ...ports, secrets, access })
  const inner = { leases, secrets, apiKeys, audit, marks, alarms, readiness, trust, keys, ...recover }
  return { ...parts, ...inner, upstreamKeys, instanceWork, reports, ...state, ...seen, start }
}

/** The unsealed keys in memory, of which those of an instance go when it is closed. */
class UnsealedMemory {
  /** Undefined: nothing was computed yet. */
  keys: Keys | undefined
  readonly #keyring: Keyring

  constructor(keyring: Keyring) {
    this.#keyring = keyring
  }

  readonly drop = (instanceId: string): void => {
    this.#keyring.forget(instanceId)
    this.keys?.forgetStreams(instanceId)
  }
}

/** Opens the clock by which destroyed keys wait, and the sweep that removes them. */
async function openRecovery(
  { store, clock, leases, access }: Pick<Core, 'store' | 'clock' | 'leases' | 'access'>,
  opened: AsyncDisposableStack,
): Promise<Pick<Core, 'recovery' | 'recoverySweep'>> {
  const recovery = await RecoveryClock.open(store, clock)
  const recoverySweep = new RecoverySweep({
    store,
    clock,
    recovery,
    leases,
    instances: () => access.instances(),
  })
  opened.defer(() => recoverySweep.stop())
  return { recovery, recoverySweep }
}

/** Raises the alarm of keys that do not open for destroyed keys whose rows were put back. `anchored`: see MarkCheckParts. */
function openMarks(
  {
    store,
    clock,
    secrets,
    audit,
    alarms,
    custodies,
  }: Pick<Core, 'store' | 'clock' | 'secrets' | 'audit' | 'alarms' | 'custodies'>,
  anchored: MarkCheckParts['anchored'],
  opened: AsyncDisposableStack,
): MarkCheck {
  const marks = new MarkCheck({
    store,
    clock,
    audit,
    anchored,
    key: secrets.markKey(),
    alarm: alarms.raise,
    onPutBack: (mark) => custodies.notePutBack(mark),
  })
  opened.defer(() => marks.stop())
  return marks
}

function openKeys(
  options: Omit<ConstructorParameters<typeof Keys>[0], 'crypto'>,
  opened: AsyncDisposableStack,
): Keys {
  const crypto = new CryptoPool()
  opened.defer(() => crypto.close())
  const keys = new Keys({ ...options, crypto })
  opened.defer(() => keys.close())
  return keys
}

/** Never accepts a trust version below the one that the audit has signed. */
async function openAccess({
  alarms,
  audit,
  ...parts
}: Pick<Core, 'store' | 'clock' | 'alarms' | 'audit'> & {
  readonly macs: Secrets
  readonly closed: (instanceId: string) => void
}): Promise<Access> {
  return new Access({
    ...parts,
    certificates: { validity, signedBy: signedForClient, matchesSubject, twinOf },
    alarm: alarms.raise,
    versionAtLeast: await audit.signedTrustVersion(),
    seenWhole: (version) => audit.noteTrust(version),
  })
}

/** The server's facts about itself and its root key, beyond its store. */
function serverState({
  clock,
  rootKey,
  rootKeys,
  secrets,
  access,
}: Pick<CorePorts, 'clock' | 'rootKey' | 'rootKeys'> & Pick<Core, 'secrets' | 'access'>) {
  return {
    notes: new ServerNotes(secrets),
    unservedVersions: new UnservedVersions(clock),
    sessions: new Sessions({ macs: secrets, clock, ended: new EndedSessions(secrets) }),
    rootKeyProof: new RootKeyProof({ clock, own: rootKey, open: rootKeys.open, access }),
  }
}

/** Opens the two lists of connected clients: pending clients, and when each certificate was last seen. */
async function openSeen(
  {
    store,
    clock,
    failed,
  }: Pick<Core, 'store' | 'clock'> & { readonly failed: (what: string) => (error: unknown) => void },
  opened: AsyncDisposableStack,
): Promise<Pick<Core, 'pending' | 'lastSeen'>> {
  const pending = await Pending.open({
    store,
    clock,
    describe: certificateOrNull,
    subnetOf,
    failed: failed('write the pending clients'),
  })
  opened.defer(() => pending.close())
  const lastSeen = new LastSeen(store, clock, failed('write when clients were last seen'))
  opened.defer(() => lastSeen.flush())
  return { pending, lastSeen }
}
