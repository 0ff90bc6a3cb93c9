// The part of the server that knows no doors: store, secrets, trust, keys and their watchers, made of the configuration
// and handed to serve.ts. Part of the composition root.

import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Restores } from '../admin/restores.ts'
import { Alarms } from './alarms.ts'
import { holdToAnchor, refuseLostDatabase } from './anchor.ts'
import { readPassphrase } from './first-start.ts'
import { openIbm, serviceInstanceOf, type Ibm } from './ibm.ts'
import { Access } from '../trust/access.ts'
import { ApiKeys } from '../instances/api-keys.ts'
import { Audit } from '../audit/audit.ts'
import { InstanceReports } from '../instances/report.ts'
import { InstanceWorker, type InstanceWorkerOptions } from '../instances/worker.ts'
import { Integrity } from '../sealing/integrity.ts'
import { Keyring } from '../sealing/keyring.ts'
import { Keys } from '../keys/keys.ts'
import { Pending } from '../trust/pending.ts'
import type { AnchoredStore } from '../ports/anchor.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { restore, type RestoreParts } from '../instances/restore/restore.ts'
import { Secrets } from '../sealing/secrets.ts'
import { LastSeen } from '../trust/last-seen.ts'
import { Custodies } from '../custody/custodies.ts'
import { createTrustChanges, type TrustChanges } from '../instances/trust-changes.ts'
import { objectRecords } from '../keys/object-records.ts'
import { neighbourhood } from '../kmip-server/address.ts'
import { certificateOrNull } from '../pki/certificate.ts'
import { filtersOverlap, matchesSubject, sameAuthority, signedForClient, validity } from '../pki/match.ts'
import { Readiness } from './readiness.ts'
import { openRootKey, type OpenedRootKey } from '../rootkey/open.ts'
import { serverRootKeys, type ServerRootKeys } from './root-keys.ts'
import type { Settings } from './settings.ts'
import { systemClock } from './system-clock.ts'
import { openSqliteStore } from '../store/open.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface Core {
  readonly clock: Clock
  readonly store: Store
  readonly secrets: Secrets
  readonly apiKeys: ApiKeys
  readonly rootKeys: ServerRootKeys
  readonly audit: Audit
  readonly alarms: Alarms
  readonly readiness: Readiness
  readonly access: Access
  readonly keyring: Keyring
  readonly trust: TrustChanges
  readonly keys: Keys
  readonly instanceWork: InstanceWorker
  readonly reports: InstanceReports
  readonly restores: Restores
  readonly pending: Pending
  readonly lastSeen: LastSeen
  /** The store was made by this start. */
  readonly firstStart: boolean
  /** Sentences for the administrator. */
  readonly warnings: readonly string[]
}

/** In the data folder. */
export const storeFile = 'mortise.db'

export interface CoreOptions {
  readonly settings: Settings
  readonly log: Log
  readonly metrics: Metrics
}

const authorityRules = { filtersOverlap, sameAuthority, signedBy: signedForClient, matchesSubject }

/** What has to be closed goes onto `opened`. Rejects with an error whose message says what to do. */
export async function openCore(options: CoreOptions, opened: AsyncDisposableStack): Promise<Core> {
  const { settings, log, metrics } = options
  const ground = await openGround(options, opened)
  const { clock, store, firstStart, rootKeys, ibm, secrets, alarms, integrity, warnings } = ground
  await holdToAnchor(store, secrets)
  const failed = (what: string) => (error: unknown) => log.error({ error }, what)
  const audit = await Audit.open(store, clock, secrets, (checkpoint) => {
    log.info({ checkpoint }, 'audit checkpoint')
  })
  const readiness = new Readiness({ log, clock, metrics, audit, calls: () => ibm.calls() })
  opened.defer(() => readiness.rootKeys.stop())
  const macs = secrets
  const access = await openAccess({ store, macs, clock, alarms, audit })
  const apiKeys = openApiKeys({ store, secrets, access, ibm })
  const tidyApiKeys = () => apiKeys.tidy().catch(failed('remove API keys that nothing needs any more'))
  void tidyApiKeys()
  const opening = { openRootKey: rootKeys.open, events: readiness.rootKeys, integrity }
  const keyring = new Keyring({ store, clock, ...opening })
  readiness.rootKeys.start({ access, keyring })
  const signTrust = () => access.snapshot().then(() => audit.checkpoint())
  const custodies = new Custodies({
    store,
    clock,
    keyring,
    instances: async () => [...(await access.snapshot()).tables.instance.values()],
    objects: objectRecords(store, clock),
    onEmpty: tidyApiKeys,
  })
  custodies.start(failed("complete what was begun at root keys' services"))
  opened.defer(() => custodies.stop())
  const trust = createTrustChanges({
    store,
    macs,
    clock,
    access,
    keyring,
    custodies,
    ...authorityRules,
    changed: () => {
      void signTrust().catch(failed('sign for a change of trust'))
      void tidyApiKeys()
    },
  })
  const durableReads = () => settings.now.audit.reads === 'durable'
  const keys = new Keys({ store, custodies, access, clock, durableReads })
  const parts = { store, clock, access, keyring, custodies }
  const work = startInstanceWork({ ...parts, changes: trust.work, onFailure: failed }, ibm, opened)
  const pending = await openPending({ store, clock, failed })
  opened.defer(() => pending.close())
  const lastSeen = new LastSeen(store, clock, failed('write when clients were last seen'))
  opened.defer(() => lastSeen.flush())
  const restores = openRestores({ ...parts, apiKeys, restores: trust.restores }, failed, opened)
  const kept = { clock, store, secrets, apiKeys, rootKeys, audit, alarms, readiness, access, keyring }
  return { ...kept, trust, keys, ...work, restores, pending, lastSeen, firstStart, warnings }
}

/** What everything else stands on. */
export interface Ground extends OpenedRootKeys {
  readonly clock: Clock
  readonly store: Store & AnchoredStore
  readonly secrets: Secrets
  readonly alarms: Alarms
  readonly integrity: Integrity
  /** No trust was ever written into the store. */
  readonly firstStart: boolean
}

/** Registers what must be closed on `opened`. Rejects with an error whose message says what to do. */
export async function openGround(options: CoreOptions, opened: AsyncDisposableStack): Promise<Ground> {
  const clock = systemClock
  const store = await openStore(options, clock)
  opened.defer(() => store.close())
  await refuseLostDatabase(store)
  const firstStart = (await store.trustVersion()) === 0
  const rootKeys = await openRootKeys(options, clock, opened, firstStart)
  const alarms = new Alarms(options.log)
  const integrity = new Integrity(clock, alarms.altered)
  const secrets = await Secrets.open(store, rootKeys.rootKey, integrity)
  return { ...rootKeys, clock, store, secrets, alarms, integrity, firstStart }
}

function openPending({
  store,
  clock,
  failed,
}: Pick<Core, 'store' | 'clock'> & { readonly failed: (what: string) => (error: unknown) => void }) {
  return Pending.open({
    store,
    clock,
    describe: certificateOrNull,
    subnetOf: neighbourhood,
    failed: failed('write the pending clients'),
  })
}

function openRestores(
  parts: RestoreParts,
  failed: (what: string) => (error: unknown) => void,
  opened: AsyncDisposableStack,
): Restores {
  const restores = new Restores({
    restore: (by, wanted, restoring) => restore(parts, by, wanted, restoring),
    isThere: async (instanceId) => (await parts.access.instance(instanceId)) !== undefined,
    failed: failed('restore an instance'),
  })
  opened.defer(() => restores.stop())
  return restores
}

function startInstanceWork(
  options: InstanceWorkerOptions,
  ibm: Pick<Ibm, 'onRewrapped'>,
  opened: AsyncDisposableStack,
): Pick<Core, 'instanceWork' | 'reports'> {
  const { store, clock, keyring, custodies } = options
  const instanceWork = new InstanceWorker(options)
  ibm.onRewrapped((event) => instanceWork.rewrapped(event))
  instanceWork.start()
  opened.defer(() => instanceWork.stop())
  const progress = (instanceId: string) => instanceWork.progress(instanceId)
  const reports = new InstanceReports({ store, clock, custodies, openRootKey: keyring.openRootKey, progress })
  return { instanceWork, reports }
}

async function openStore(
  { settings, log, metrics }: CoreOptions,
  clock: Clock,
): Promise<Store & AnchoredStore> {
  const { data } = settings.now.server
  await mkdir(data, { recursive: true, mode: 0o700 })
  return openSqliteStore({
    file: path.join(data, storeFile),
    clock,
    onTrouble: (message) => log.error({}, message),
    onCommit: ({ result, seconds }) => metrics.commits.observe({ result }, seconds),
  })
}

/** What the audit has signed of trust is not gone back behind. */
async function openAccess(
  parts: Pick<Core, 'store' | 'clock' | 'alarms' | 'audit'> & { readonly macs: Secrets },
): Promise<Access> {
  const { alarms, audit, ...rest } = parts
  return new Access({
    ...rest,
    certificates: { validity, signedBy: signedForClient, matchesSubject },
    alarm: alarms.raise,
    versionAtLeast: await audit.signedTrustVersion(),
    seenWhole: (version) => audit.noteTrust(version),
  })
}

/** From here on instances speak to their root keys' services with API keys of their own, where they have any. */
function openApiKeys({
  ibm,
  ...parts
}: Pick<Core, 'store' | 'secrets' | 'access'> & { readonly ibm: Ibm }): ApiKeys {
  const onChange = (instanceId: string) => ibm.sessions.forget(instanceId)
  const apiKeys = new ApiKeys({ ...parts, serviceOf: serviceInstanceOf, onChange })
  ibm.use(apiKeys)
  return apiKeys
}

interface OpenedRootKeys {
  /** The server's own. */
  readonly rootKey: OpenedRootKey
  readonly rootKeys: ServerRootKeys
  readonly ibm: Ibm
  /** Sentences for the administrator. */
  readonly warnings: readonly string[]
}

async function openRootKeys(
  { settings, metrics, log }: CoreOptions,
  clock: Clock,
  opened: AsyncDisposableStack,
  create: boolean,
): Promise<OpenedRootKeys> {
  const { server } = settings.now
  const { passphrase, warnings } = await readPassphrase(server.rootPassphraseFile)
  const { acceptShortPassphrase } = server
  const ibm = await openIbm(settings.now.ibm, clock, log)
  const keyProtect = ibm.sessions
  const speaksForItself = (uri: string, instanceId: string) => ibm.speaksForItself(uri, instanceId)
  opened.defer(() => keyProtect.close())
  const opening = {
    dataFolder: server.data,
    ...(passphrase && { passphrase }),
    acceptShortPassphrase,
    keyProtect,
  }
  const rootKey = await openRootKey(server.rootKey, { ...opening, create })
  const warn = (message: string) => log.warn({}, message)
  const given = { own: rootKey, opening, speaksForItself, metrics, clock, warn }
  return { rootKey, ibm, rootKeys: serverRootKeys(given), warnings: [...warnings, ...rootKey.warnings] }
}
