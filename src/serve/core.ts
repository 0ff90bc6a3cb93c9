// The part of the server that knows no doors: store, secrets, trust, keys and their watchers, made of the configuration
// and handed to serve.ts. Part of the composition root.

import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Restores } from '../admin/restores.ts'
import { readPassphrase } from './first-start.ts'
import { openIbm, serviceInstanceOf, type Ibm } from './ibm.ts'
import { Access } from '../keys/trust/access.ts'
import { ApiKeys } from '../keys/api-keys.ts'
import { Audit } from '../keys/audit.ts'
import { Journal } from '../keys/journal/journal.ts'
import { InstanceReports } from '../keys/instance-report.ts'
import { InstanceWorker, type InstanceWorkerOptions } from '../keys/instance-work/instance-work.ts'
import { Keyring } from '../keys/keyring.ts'
import { Keys } from '../keys/keys.ts'
import { Pending } from '../keys/trust/pending.ts'
import type { Clock, Store } from '../keys/ports.ts'
import { Safe } from '../keys/safe.ts'
import { recover, type RecoveryParts } from '../keys/recovery/recovery.ts'
import { Secrets } from '../keys/secrets.ts'
import { Sightings } from '../keys/trust/sightings.ts'
import { StandardKeyKeeper } from '../keys/standard-keys/keeper.ts'
import { createTrustChanges, type TrustChanges } from '../keys/trust/changes.ts'
import { Deletable } from '../keys/standard-keys/deletable.ts'
import { filtersOverlap, matchesSubject, sameAuthority, signedBy, validity } from '../pki/match.ts'
import { Readiness } from './readiness.ts'
import { openRootKey } from '../rootkey/open.ts'
import { serverRootKeys, type ServerRootKeys } from './root-keys.ts'
import type { Settings } from './settings.ts'
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
  readonly readiness: Readiness
  readonly access: Access
  readonly keyring: Keyring
  readonly trust: TrustChanges
  readonly keys: Keys
  readonly instanceWork: InstanceWorker
  readonly reports: InstanceReports
  readonly restores: Restores
  readonly pending: Pending
  readonly sightings: Sightings
  /** The store was made by this start. */
  readonly firstStart: boolean
  /** Sentences for the administrator. */
  readonly warnings: readonly string[]
}

export interface CoreOptions {
  readonly settings: Settings
  readonly log: Log
  readonly metrics: Metrics
}

/** What has to be closed goes onto `opened`. Rejects with an error whose message says what to do. */
export async function openCore(options: CoreOptions, opened: AsyncDisposableStack): Promise<Core> {
  const { settings, log, metrics } = options
  const clock: Clock = { now: Date.now, monotonic: () => performance.now() }
  const store = await openStore(options, clock)
  opened.defer(() => store.close())
  const firstStart = (await store.trustVersion()) === 0
  const { rootKey, rootKeys, ibm } = await openRootKeys(options, clock, opened, firstStart)
  const secrets = await Secrets.open(store, rootKey)
  const failed = (what: string) => (error: unknown) => log.error({ error }, what)

  const audit = await Audit.open(store, clock, secrets, (checkpoint) => {
    log.info({ checkpoint }, 'audit checkpoint')
  })
  const readiness = new Readiness({ log, clock, metrics, audit, calls: () => ibm.calls() })
  opened.defer(() => readiness.rootKeys.stop())
  const macs = secrets
  const access = await openAccess({ store, macs, clock, readiness, audit })
  const apiKeys = openApiKeys({ store, secrets, access, ibm })
  const tidyApiKeys = () => apiKeys.tidy().catch(failed('remove API keys that nothing needs any more'))
  void tidyApiKeys()
  const keyring = new Keyring({ store, clock, events: readiness.rootKeys, openRootKey: rootKeys.open })
  readiness.rootKeys.start({ access, keyring })
  const signTrust = () => access.snapshot().then(() => audit.checkpoint())
  const troubles = keyring.status.standardKeys
  const { openRootKey: openGuarded } = keyring
  const deletable = new Deletable({ store, access, journal: () => journal })
  const keeper = new StandardKeyKeeper({
    store,
    clock,
    openRootKey: openGuarded,
    mayDelete: (record, wanted) => deletable.mayDelete(record, wanted),
    troubles,
    isGone: async (instanceId) => (await access.instance(instanceId)) === undefined,
    emptied: tidyApiKeys,
  })
  const safe = new Safe({ store, clock, keyring, keeper })
  const journal = new Journal({ store, clock, access, openRootKey: openGuarded, keeper, troubles, failed })
  journal.start()
  opened.defer(() => journal.stop())
  keeper.start(failed('look for standard keys to delete'))
  opened.defer(() => keeper.stop())
  const trust = createTrustChanges({
    store,
    macs,
    clock,
    access,
    keyring,
    keeper,
    journal,
    filtersOverlap,
    sameAuthority,
    changed: () => {
      void signTrust().catch(failed('sign for a change of trust'))
      void tidyApiKeys()
    },
  })
  const durableReads = () => settings.now.audit.reads === 'durable'
  const keys = new Keys({ store, safe, journal, access, clock, durableReads })
  const parts = { store, clock, access, keyring, safe, keeper, journal }
  const work = startInstanceWork({ ...parts, changes: trust.work, failed }, ibm, opened)
  const pending = await Pending.open(store, clock, failed('write the pending clients'))
  opened.defer(() => pending.close())
  const sightings = new Sightings(store, clock, failed('write when clients were last seen'))
  opened.defer(() => sightings.flush())
  const restores = openRestores({ ...parts, apiKeys, restores: trust.restores }, failed, opened)
  const { warnings } = rootKey
  const kept = { clock, store, secrets, apiKeys, rootKeys, audit, readiness, access, keyring, trust, keys }
  return { ...kept, ...work, restores, pending, sightings, firstStart, warnings }
}

function openRestores(
  parts: RecoveryParts,
  failed: (what: string) => (error: unknown) => void,
  opened: AsyncDisposableStack,
): Restores {
  const restores = new Restores({
    recover: (by, wanted, recovering) => recover(parts, by, wanted, recovering),
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
  const { store, clock, keyring } = options
  const instanceWork = new InstanceWorker(options)
  ibm.onRewrapped((event) => instanceWork.rewrapped(event))
  instanceWork.start()
  opened.defer(() => instanceWork.stop())
  const progress = (instanceId: string) => instanceWork.progress(instanceId)
  const reports = new InstanceReports({ store, clock, openRootKey: keyring.openRootKey, progress })
  return { instanceWork, reports }
}

async function openStore({ settings, log, metrics }: CoreOptions, clock: Clock): Promise<Store> {
  const { data } = settings.now.server
  await mkdir(data, { recursive: true, mode: 0o700 })
  return openSqliteStore({
    file: path.join(data, 'mortise.db'),
    clock,
    onTrouble: (message) => log.error({}, message),
    onCommit: ({ result, seconds }) => metrics.commits.observe({ result }, seconds),
  })
}

/** What the audit has signed of trust is not gone back behind. */
async function openAccess(
  parts: Pick<Core, 'store' | 'clock' | 'readiness' | 'audit'> & { readonly macs: Secrets },
): Promise<Access> {
  const { readiness, audit, ...rest } = parts
  return new Access({
    ...rest,
    certificates: { validity, signedBy, matchesSubject },
    alarm: readiness.alarm,
    versionAtLeast: await audit.signedTrustVersion(),
    seenWhole: (version) => audit.noteTrust(version),
  })
}

/** From here on instances speak to their root keys' services with API keys of their own, where they have any. */
function openApiKeys({
  ibm,
  ...parts
}: Pick<Core, 'store' | 'secrets' | 'access'> & { readonly ibm: Ibm }): ApiKeys {
  const changed = (instanceId: string) => ibm.sessions.forget(instanceId)
  const apiKeys = new ApiKeys({ ...parts, serviceOf: serviceInstanceOf, changed })
  ibm.use(apiKeys)
  return apiKeys
}

async function openRootKeys(
  { settings, metrics, log }: CoreOptions,
  clock: Clock,
  opened: AsyncDisposableStack,
  create: boolean,
) {
  const { server } = settings.now
  const passphrase = await readPassphrase(server.rootPassphraseFile)
  const ibm = await openIbm(settings.now.ibm, clock, log)
  const keyProtect = ibm.sessions
  const speaksForItself = (uri: string, instanceId: string) => ibm.speaksForItself(uri, instanceId)
  opened.defer(() => keyProtect.close())
  const opening = { dataFolder: server.data, ...(passphrase && { passphrase }), keyProtect }
  const rootKey = await openRootKey(server.rootKey, { ...opening, create })
  const warn = (message: string) => log.warn({}, message)
  const given = { own: rootKey, opening, speaksForItself, metrics, clock, warn }
  return { rootKey, ibm, rootKeys: serverRootKeys(given) }
}
