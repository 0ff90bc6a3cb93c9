// `mortise restore-accept`: the owner accepts this database, although it is older than its anchor, has none, or is of another machine. One
// commit gives the store another MAC key, signs everything in it again, marks of destroyed keys too, revokes every token, and raises the trust
// version and checkpoint number above each known one. If the process dies half way, the owner runs it again: until
// the new anchor exists the server serves nothing. Part of the composition root.

import { randomUUID, createHash } from 'node:crypto'
import { readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { Audit } from '../core/audit/audit.ts'
import { serverActor } from '../core/audit/actor.ts'
import type { CorePorts } from '../core/server/core.ts'
import { backgroundLeaseMs } from '../base/bounds.ts'
import type { AnchoredStore } from '../core/ports/anchor.ts'
import type { AuditEntry } from '../core/ports/audit.ts'
import type { LeaseStore } from '../core/ports/leases.ts'
import type { Write } from '../core/ports/store.ts'
import { AcceptedEpochs } from '../core/custody/keyprotect/accepted-epochs.ts'
import { StoredApiKeys } from '../core/instances/api-keys.ts'
import type { MacKey } from '../core/sealing/mac-key.ts'
import { Secrets } from '../core/sealing/secrets.ts'
import { readRows, type Token, type TrustReading } from '../core/trust/rows.ts'
import { signAnew } from '../core/trust/sign-anew.ts'
import { bootstrapName } from '../core/trust/identity.ts'
import { newBearer } from '../core/trust/token-changes.ts'
import { withUpstreamOff } from '../core/trust/upstream.ts'
import {
  disagreement,
  RestoreNotAccepted,
  type AcceptedNode,
  type AcceptedRestore,
} from '../core/server/anchor.ts'
import { openPorts, type PortOptions } from './ports.ts'
import { needlessMarks } from '../core/audit/needless-marks.ts'
import { machineRecords, otherMachine } from '../core/server/machine-id.ts'
import { StartError, writeWhole } from './first-start.ts'
import { requireStore } from './store-place.ts'
import { syncPath } from '../outside/store/sync-path.ts'

/** As acceptDatabase, where there is no other node. */
export async function acceptRestore(options: PortOptions, anyway: boolean): Promise<AcceptedRestore> {
  const accepted = await acceptDatabase(options, anyway)
  if ('anchorFile' in accepted) throw new StartError(accepted.found)
  return accepted
}

/**
 * `anyway`: accepts also a database that agrees with its anchor. If another node has accepted it, only the anchor of this
 * node is made again. Rejects with an error that says what to do; then nothing has changed.
 */
export async function acceptDatabase(
  options: PortOptions,
  anyway: boolean,
): Promise<AcceptedRestore | AcceptedNode> {
  const { data } = options.settings.now.server
  requireStore(options.settings.now.server, 'nothing to accept')
  await using opened = new AsyncDisposableStack()
  const { ports } = await openPorts(options, opened)
  const { store, machine, clock, rootKey, rootKeys } = ports
  const secrets = await Secrets.open(store, rootKey)
  const apiKeys = new StoredApiKeys({ store, secrets, serviceOf: rootKeys.serviceOf })
  // Nothing is unwrapped here, so no newer wrapped form can come back.
  rootKeys.connect({ apiKeys, onRewrapped: () => {} })
  const { verdict, before } = await lookAtAnchor(store, secrets)
  if (before) return await acceptNode(ports, secrets, before)
  const difference = (await disagreement(store, verdict)) ?? otherMachine(store, secrets, machine)
  if (difference === null && !anyway)
    throw new StartError(
      'there is nothing to accept: the database is not older than its anchor, and was last used on this machine. If both were put back together, say so with --anyway',
    )
  await requireAlone(store)
  const known = 'anchor' in verdict ? verdict.anchor : { trustVersion: 0, checkpoint: null }
  const audit = await Audit.open(store, clock, secrets, (checkpoint) => {
    options.log.info({ checkpoint }, 'audit checkpoint')
  })
  const tokenFile = path.join(data, 'admin-token')
  const epochs = new AcceptedEpochs({ store, clock, openRootKey: rootKeys.open })
  const accepted = await accept({ ports, secrets, audit, epochs, known, found: difference, tokenFile })
  const renewed = await Secrets.open(store, rootKey)
  await store.anchor(renewed.anchorKey(), { needed: true, mode: 'anew' })
  audit.noteTrust(accepted.trustVersion)
  await audit.checkpoint()
  return { ...accepted, epochs: await epochs.record() }
}

/** To a node that runs, each row under the new MAC key is an altered one: it would serve nothing any more. */
async function requireAlone(store: LeaseStore): Promise<void> {
  const others = (await store.nodes()).filter(
    ({ name, agoMs }) => name !== store.node && agoMs <= backgroundLeaseMs,
  )
  if (others.length === 0) return
  const names = others.map(({ name }) => name).join(', ')
  throw new StartError(
    `other nodes run on this database and would serve nothing any more: ${names}. If they serve now and this one alone does not, accept nothing: start ` +
      'this one with another name (server.node) and a data folder that has nothing but the root key file. Otherwise stop them first; ' +
      `one that was killed counts as running for ${String(backgroundLeaseMs / 1000)} s`,
  )
}

/**
 * Once the owner has accepted the database on this node, its workers follow by themselves: the server that starts them has an
 * anchor that agrees.
 */
export async function acceptWorker(options: PortOptions): Promise<void> {
  await using opened = new AsyncDisposableStack()
  const { ports } = await openPorts(options, opened)
  const secrets = await Secrets.open(ports.store, ports.rootKey)
  const { before } = await lookAtAnchor(ports.store, secrets)
  if (before) await acceptNode(ports, secrets, before, 'the database was accepted on this node before')
}

/** `before`: the MAC key of this node's anchor, if the database was accepted on another node since. */
async function lookAtAnchor(store: AnchoredStore, secrets: Secrets) {
  const macKeys = secrets.replacedMacKeys()
  const replaced = macKeys.map((macKey) => macKey.anchorKey())
  const verdict = await store.anchor(secrets.anchorKey(), { needed: true, mode: 'look', replaced })
  return { verdict, before: verdict.state === 'accepted-elsewhere' ? macKeys[verdict.replaced] : undefined }
}

/**
 * `before`: the MAC key of this node's anchor. The entry comes first, so that no anchor is replaced without one, and with
 * the records of reads that this node had no time to move.
 */
async function acceptNode(
  { store, clock }: CorePorts,
  secrets: Secrets,
  before: MacKey,
  difference = 'the database was accepted on another node before',
): Promise<AcceptedNode> {
  await store.openAccessLog(before.accessKey())
  const detail = { found: difference, anchor: store.anchorFile }
  const entries = [entry(clock.now(), 'server.restore-accept', null, detail)]
  await store.commit({ writes: [], entries, durability: 'disk' })
  const how = { needed: true, mode: 'own', replaced: [before.anchorKey()] } as const
  if ((await store.anchor(secrets.anchorKey(), how)).state !== 'accepted-elsewhere')
    throw new StartError('the database was changed meanwhile: run the command again')
  return { found: difference, anchorFile: store.anchorFile }
}

async function accept(options: {
  readonly ports: CorePorts
  readonly secrets: Secrets
  readonly audit: Audit
  readonly epochs: AcceptedEpochs
  readonly known: { readonly trustVersion: number; readonly checkpoint: { readonly number: number } | null }
  readonly found: string | null
  readonly tokenFile: string
}): Promise<Omit<AcceptedRestore, 'epochs'>> {
  const { ports, secrets, audit, epochs, known, found: difference, tokenFile } = options
  const { store, machine, clock } = ports
  const { version, rows } = await store.trust()
  const reading = readRows(secrets, version, rows)
  refuseAltered(reading)
  // A running server left records of reads. The new MAC key could not open them any more.
  await store.openAccessLog(secrets.accessKey())
  const atLeast = Math.max(version, known.trustVersion)
  const trustVersion = atLeast + 1
  const checkpoint = await audit.restoredCheckpoint(known.checkpoint?.number ?? 0, trustVersion)
  const without = await needlessMarks(store, secrets.markKey())
  const { records, macKey } = secrets.newMacKey()
  const newTokenFile = `${tokenFile}.new`
  await finishEarlier(newTokenFile, tokenFile, reading)
  const bearer = newBearer()
  const token = newToken(bearer, clock.now())
  // A server that still runs on the newer database must store and delete nothing at root keys' services any more.
  const instances = await Promise.all(
    [...reading.tables.instance.values()].map((one) => epochs.raise(one, token.createdMs)),
  )
  const raised = new Map(
    instances.map(({ instance }) => [instance.id, withUpstreamOff(instance, token.createdMs)]),
  )
  const restored: TrustReading = { ...reading, tables: { ...reading.tables, instance: raised } }
  const tokensRevoked = reading.tables.token.size
  const numbers = {
    trustVersion,
    checkpoint: checkpoint.checkpoint.number,
    tokensRevoked,
    marksRemoved: without.length,
  }
  // Before the commit the token of `tokenFile` is valid, behind it this one: whatever is killed, a file has a valid one.
  await writeWhole(newTokenFile, `${bearer}\n`, 0o600)
  await store.commit({
    expect: { trustVersion: version },
    writes: [
      ...[...records, ...machineRecords(secrets, machine)].map((one): Write => ({
        type: 'secret',
        record: one,
      })),
      { type: 'trust-version', atLeast },
      ...signAnew(macKey, restored, trustVersion, token),
      { type: 'marks-signed', key: macKey.markKey(), without },
      ...instances.flatMap(({ writes }) => writes),
      checkpoint,
    ],
    entries: [
      entry(token.createdMs, 'server.restore-accept', null, { found: difference ?? 'nothing', ...numbers }),
      entry(token.createdMs, 'token.create', token.id, { name: token.name, role: token.role }),
    ],
    durability: 'disk',
  })
  await putInPlace(newTokenFile, tokenFile)
  return { found: difference, ...numbers, token: bearer, tokenFile }
}

/** Finishes an earlier run that was killed after its commit: it left the valid token in the new file, which this run would overwrite. */
async function finishEarlier(newFile: string, file: string, { tables }: TrustReading): Promise<void> {
  const left = await readFile(newFile, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new StartError(`cannot read ${newFile}: ${String(error)}`, { cause: error })
  })
  const sha256 = left === undefined ? undefined : sha256Of(left.trim())
  if ([...tables.token.values()].some((token) => token.sha256 === sha256)) await putInPlace(newFile, file)
}

async function putInPlace(newFile: string, file: string): Promise<void> {
  try {
    await rename(newFile, file)
    syncPath(path.dirname(file))
  } catch (cause) {
    throw new StartError(
      `the only valid token is in ${newFile}, which cannot take the place of ${file} (${String(cause)}): see to the disk, then run the command again`,
      { cause },
    )
  }
}

function refuseAltered({ intact, alarms, newer }: TrustReading): void {
  if (newer.size > 0)
    throw new RestoreNotAccepted(
      `a newer version of Mortise wrote rows of this database (${[...newer].slice(0, 3).join(', ')}): accept it with that version`,
    )
  if (intact) return
  throw new RestoreNotAccepted(
    `${alarms[0] ?? 'the trusted rows were altered'}. That cannot be accepted: the server cannot tell what was trusted from ` +
      'what was written without it. Restore the database from a backup',
  )
}

function newToken(bearer: string, createdMs: number): Token {
  const sha256 = sha256Of(bearer)
  const role = 'manager'
  return { id: randomUUID(), name: bootstrapName, role, instanceId: null, sha256, createdMs, expiresMs: null }
}

function sha256Of(bearer: string): string {
  return createHash('sha256').update(bearer).digest('hex')
}

function entry(
  atMs: number,
  action: AuditEntry['action'],
  object: string | null,
  detail: NonNullable<AuditEntry['detail']>,
): AuditEntry {
  const about = { result: 'success', instanceId: null, actor: serverActor, reason: null } as const
  return { atMs, action, object, ...about, requestId: null, detail }
}
