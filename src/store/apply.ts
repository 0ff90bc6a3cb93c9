// Does one change inside the writer's transaction: first what it expects, then its writes in their order, then
// its audit entries. Throws StoreConflict; the caller undoes the savepoint then. No transactions here.

import {
  StoreConflict,
  type Change,
  type Expectation,
  type IndexEntry,
  type ObjectRecord,
  type PendingClient,
  type Write,
} from '../keys/ports.ts'
import type { AuditChain } from './audit-chain.ts'
import { indexHash } from './hashes.ts'
import { markPruned } from './prune.ts'
import type { writeSql } from './sql.ts'
import { bytes, number, orNull, text, type Row, type Statements } from './statements.ts'

/** What the change asks of the writer once it is committed. */
export interface Effects {
  /** Sealed material was removed: it must leave the WAL too. */
  materialRemoved: boolean
  /** Audit entries wait to be deleted. */
  pruned: boolean
}

type WriteStatements = Statements<keyof typeof writeSql>

export function applyChange(s: WriteStatements, chain: AuditChain, change: Change, effects: Effects): void {
  if (change.expect) checkExpectation(s, change.expect)
  for (const write of change.writes) applyWrite(s, write, effects)
  if (change.writes.some(({ type }) => type === 'trust' || type === 'trust-removed'))
    s.run('raiseTrustVersion')
  for (const entry of change.entries) chain.append(entry)
}

function checkExpectation(s: WriteStatements, expect: Expectation): void {
  if (expect.trustVersion !== undefined) {
    const row = s.get('trustVersion')
    const version = row ? number(row, 'version') : 0
    if (version !== expect.trustVersion)
      throw new StoreConflict('trust', `trust is at version ${version}, not ${expect.trustVersion}`)
  }
  if (expect.liveObjects) {
    const { instanceId, count } = expect.liveObjects
    const row = s.get('liveObjects', instanceId)
    const found = row ? number(row, 'count') : 0
    if (found !== count)
      throw new StoreConflict('object', `the instance has ${found} live objects, expected were ${count}`)
  }
  for (const { instanceId, uniqueIdentifier, version } of expect.objects ?? []) {
    const row = s.get('objectRow', instanceId, uniqueIdentifier)
    const found = row ? number(row, 'version') : null
    if (found === version) continue
    const is = found === null ? 'does not exist' : `is at version ${found}`
    throw new StoreConflict('object', `the object ${is}, expected was ${version ?? 'none'}`)
  }
}

function applyWrite(s: WriteStatements, write: Write, effects: Effects): void {
  switch (write.type) {
    case 'object':
      return putObject(s, write, effects)
    case 'fetched':
      return void s.run('fetched', write.atMs, write.instanceId, write.uniqueIdentifier)
    case 'trust': {
      const { kind, id, body, mac } = write.row
      return void s.run('putTrust', kind, id, body, mac)
    }
    case 'trust-removed':
      return void s.run('removeTrust', write.kind, write.id)
    case 'data-key': {
      const { id, instanceId, rootKeyUri, rootKeyId, wrapped, createdMs } = write.record
      return void s.run('putDataKey', id, instanceId, rootKeyUri, rootKeyId, wrapped, createdMs)
    }
    case 'data-keys-removed':
      effects.materialRemoved = true
      s.run('eraseDataKeys', write.instanceId)
      return void s.run('removeDataKeys', write.instanceId)
    case 'secret':
      return void s.run('putSecret', write.record.name, write.record.sealed)
    case 'new-secret':
      if (s.run('addSecret', write.record.name, write.record.sealed).changes === 0)
        throw new StoreConflict('secret', `there is a secret ${write.record.name} already`)
      return undefined
    case 'pending':
      return replacePending(s, write.clients)
    case 'seen':
      for (const { sha256, lastMs, address } of write.certificates) s.run('putSeen', sha256, lastMs, address)
      return undefined
    case 'checkpoint': {
      const { number: next, body, signature } = write.checkpoint
      const row = s.get('lastCheckpoint')
      const last = row ? number(row, 'number') : 0
      if (next !== last + 1)
        throw new StoreConflict('checkpoint', `the last checkpoint is ${last}, not ${next - 1}`)
      return void s.run('addCheckpoint', next, body, signature)
    }
    case 'prune':
      effects.pruned = true
      return markPruned(s, write.beforeMs, write.upTo)
    default:
      return write satisfies never
  }
}

/** The names and index entries that an object has, as kept in its row. */
interface Indexed {
  readonly names: readonly string[]
  readonly index: readonly (readonly [key: string, value: string])[]
}

function putObject(s: WriteStatements, write: Extract<Write, { type: 'object' }>, effects: Effects): void {
  const { record } = write
  const { instanceId, uniqueIdentifier, state } = record
  const old = s.get('objectRow', instanceId, uniqueIdentifier)
  if (old) checkSuccession(old, record)
  const oldMaterial = old ? orNull(old, 'material', number) : null
  const material = putMaterial(s, oldMaterial, record.sealed, effects)

  const indexed = JSON.stringify({
    names: record.sealed === null ? [] : write.names,
    index: write.index.map(({ key, value }: IndexEntry) => [key, value]),
  } satisfies Indexed)
  const { objectType, version, createdMs, attributes, dataKeyId } = record
  const common = [objectType, state, version, createdMs, attributes, material, dataKeyId, indexed] as const
  let sequence: number
  if (old) {
    sequence = number(old, 'sequence')
    s.run('changeObject', ...common, sequence)
  } else {
    sequence = s.run('addObject', instanceId, uniqueIdentifier, ...common).rowId
  }
  putIndex(s, instanceId, sequence, old, { indexed, destroyed: record.sealed === null })
  const oldState = old ? text(old, 'state') : null
  if (oldState === state) return
  if (oldState !== null) s.run('count', instanceId, oldState, -1)
  s.run('count', instanceId, state, 1)
}

/** Versions only rise, and what was destroyed stays destroyed, whatever the change expected. */
function checkSuccession(old: Row, record: ObjectRecord): void {
  const version = number(old, 'version')
  if (record.version <= version)
    throw new StoreConflict('object', `the object is at version ${version}, not before ${record.version}`)
  if (old['material'] === null && record.sealed !== null)
    throw new StoreConflict('object', 'the object was destroyed')
}

/** Returns the id of the row that holds the material. Rows keep their place and length, see migrations.ts. */
function putMaterial(
  s: WriteStatements,
  old: number | null,
  sealed: Uint8Array | null,
  effects: Effects,
): number | null {
  if (old === null) return sealed === null ? null : s.run('addMaterial', sealed).rowId
  const row = s.get('material', old)
  const before = row ? bytes(row, 'sealed') : new Uint8Array()
  if (sealed && Buffer.compare(before, sealed) === 0) return old
  effects.materialRemoved = true
  if (sealed?.length === before.length) {
    s.run('overwriteMaterial', sealed, old)
    return old
  }
  s.run('eraseMaterial', old)
  return sealed === null ? null : s.run('addMaterial', sealed).rowId
}

function putIndex(
  s: WriteStatements,
  instanceId: string,
  sequence: number,
  old: Row | undefined,
  now: { readonly indexed: string; readonly destroyed: boolean },
): void {
  const before = old ? text(old, 'indexed') : '{"names":[],"index":[]}'
  const wasDestroyed = old?.['material'] === null
  if (before === now.indexed && wasDestroyed === now.destroyed) return
  const from = JSON.parse(before) as Indexed
  const to = JSON.parse(now.indexed) as Indexed
  const fromHashes = new Set(
    from.index.map(([key, value]) => indexHash(instanceId, key, value, wasDestroyed)),
  )
  const toHashes = new Set(to.index.map(([key, value]) => indexHash(instanceId, key, value, now.destroyed)))
  for (const hash of fromHashes) if (!toHashes.has(hash)) s.run('removeIndex', hash, sequence)
  for (const hash of toHashes) if (!fromHashes.has(hash)) s.run('addIndex', hash, sequence)
  for (const name of from.names) if (!to.names.includes(name)) s.run('removeName', instanceId, name, sequence)
  for (const name of new Set(to.names)) {
    if (from.names.includes(name)) continue
    if (s.get('nameOwner', instanceId, name))
      throw new StoreConflict('name', `another object of the instance has the name ${JSON.stringify(name)}`)
    s.run('addName', instanceId, name, sequence)
  }
}

/** The list as a whole is what is kept: who is not in it any more was trusted, blocked or forgotten. */
function replacePending(s: WriteStatements, clients: readonly PendingClient[]): void {
  const kept = new Set(clients.map(({ sha256 }) => sha256))
  for (const row of s.all('pendingNames')) {
    const sha256 = text(row, 'sha256')
    if (!kept.has(sha256)) s.run('removePending', sha256)
  }
  for (const { sha256, certificate, address, firstMs, lastMs, knocks } of clients)
    s.run('putPending', sha256, certificate, address, firstMs, lastMs, knocks)
}
