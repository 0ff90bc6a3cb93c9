// Does one change inside the writer's transaction: checks what the change expects, makes its writes in order, then adds its audit
// entries. After a StoreConflict the caller rolls back to the savepoint. This file starts and ends no transaction.

import { StoreConflict, type Change, type Write } from '../../../core/ports/store.ts'
import type { Expectation } from '../../../core/ports/expectation.ts'
import { applyKeyWrite } from './apply-keys.ts'
import { applyInventoryWrite } from './apply-inventory.ts'
import { applyLeaseWrite, checkFence } from './apply-leases.ts'
import { nameFeature } from './apply-least-version.ts'
import { applyMarkWrite } from './apply-marks.ts'
import { putObject, removeRecoverable } from './apply-objects.ts'
import type { AuditChain } from '../audit/audit-chain.ts'
import type { Effects } from './effects.ts'
import type { Group } from './group.ts'
import type { GroupFacts } from './group-facts.ts'
import { moveAccess } from '../access/move-access.ts'
import { markPruned } from './prune.ts'
import { numberIn, textIn } from '../row.ts'
import { get, run, type Query, type Steps } from '../steps.ts'
import { checkLimits } from './usage.ts'

export function* applyChange(chain: AuditChain, change: Change, group: Group): Steps<void> {
  const { facts, effects } = group
  if (change.expect) yield* checkExpectation(change.expect, facts)
  const bounded = change.expect?.limits
  const before = bounded && (yield* facts.usage(bounded.instanceId))
  for (const write of change.writes)
    yield* write.type === 'access-moved' ? moveAccess(chain, write) : applyWrite(write, group)
  if (before) checkLimits(bounded, before, yield* facts.usage(bounded.instanceId))
  if (change.writes.some(({ type }) => type === 'trust' || type === 'trust-removed')) {
    yield* run('raiseTrustVersion')
    facts.trustChanged()
    effects.trustRaised = true
  }
  for (const entry of change.entries) yield* chain.append(entry)
}

/**
 * Reads that the change will make, so that PostgreSQL can be sent them all at once (postgres/ahead.ts). It leaves out reads whose
 * answer `facts` already has.
 */
export function readsOf({ expect = {}, writes }: Change, facts: GroupFacts): readonly Query[] {
  const { lease, trustVersion, liveObjects, limits, objects = [] } = expect
  const records = writes.flatMap((write) => (write.type === 'object' ? [write.record] : []))
  return [
    ...(lease ? [get('lease', lease.name)] : []),
    ...(trustVersion === undefined ? [] : [facts.trustVersion()]),
    ...[liveObjects, limits].flatMap((one) => (one ? [facts.usage(one.instanceId)] : [])),
    ...[...objects, ...records].map((one) => facts.objectRow(one.instanceId, one.uniqueIdentifier)),
  ].flatMap((steps) => {
    const { done, value } = steps.next()
    return done === true ? [] : [value]
  })
}

function* checkExpectation(expect: Expectation, facts: GroupFacts): Steps<void> {
  if (expect.lease) yield* checkFence(expect.lease)
  if (expect.trustVersion !== undefined) {
    const version = yield* facts.trustVersion()
    if (version !== expect.trustVersion)
      throw new StoreConflict('trust', `trust is at version ${version}, not ${expect.trustVersion}`)
  }
  if (expect.uniqueNames !== undefined) {
    const shared = yield* get('sharedName', expect.uniqueNames)
    if (shared) throw new StoreConflict('name', `several objects have the name ${textIn(shared, 'name')}`)
  }
  if (expect.liveObjects) {
    const { instanceId, count } = expect.liveObjects
    const { objects: live } = yield* facts.usage(instanceId)
    if (live !== count)
      throw new StoreConflict('object', `the instance has ${live} live objects, expected were ${count}`)
  }
  for (const { instanceId, uniqueIdentifier, version } of expect.objects ?? []) {
    const row = yield* facts.objectRow(instanceId, uniqueIdentifier)
    const storedVersion = row ? numberIn(row, 'version') : null
    if (storedVersion === version) continue
    const is = storedVersion === null ? 'does not exist' : `is at version ${storedVersion}`
    throw new StoreConflict('object', `the object ${is}, expected was ${version ?? 'none'}`)
  }
}

export function forwardedName(target: string): string {
  return `audit_forwarded_${target}`
}

/** All writes except moves of access records: only those add audit entries. */
export type PlainWrite = Exclude<Write, { readonly type: 'access-moved' }>

export function* applyWrite(write: PlainWrite, group: Group): Steps<void> {
  const { effects } = group
  switch (write.type) {
    case 'object':
      return yield* putObject(write, group)
    case 'fetched':
      return yield* run('fetched', write.atMs, write.instanceId, write.uniqueIdentifier)
    case 'recoverable-removed':
      return yield* removeRecoverable(write, group)
    case 'recovery-clock':
      yield* run('putMeta', 'recovery_ms', write.ms)
      return yield* run('putMeta', 'recovery_at_ms', write.atMs)
    case 'adopted-on-demand':
      return yield* run('adoptOnDemand', write.instanceId, write.atMs)
    case 'trust': {
      const { kind, id, body, mac } = write.row
      return yield* run('putTrust', kind, id, body, mac)
    }
    case 'trust-removed':
      return yield* run('removeTrust', write.kind, write.id)
    case 'trust-version':
      group.facts.trustChanged()
      return yield* run('liftTrustVersion', write.atLeast)
    case 'data-key':
    case 'data-keys-removed':
    case 'data-key-removed':
    case 'data-key-rewrapped':
    case 'standard-key':
    case 'standard-key-state':
    case 'standard-key-removed':
    case 'standard-keys-unwanted':
    case 'standard-keys-forgotten':
    case 'secret':
    case 'new-secret':
    case 'secret-removed':
      return yield* applyKeyWrite(write, effects)
    case 'inventory-begun':
    case 'inventory-rows':
    case 'inventory-current':
    case 'inventory-gone':
    case 'inventories-gone':
    case 'inventory-cleared':
      return yield* applyInventoryWrite(write)
    case 'lease-taken':
    case 'lease-renewed':
    case 'lease-returned':
    case 'node-sign':
    case 'node-gone':
      return yield* applyLeaseWrite(write)
    case 'least-version':
      return yield* nameFeature(write.feature)
    case 'mark':
    case 'marks-signed':
      return yield* applyMarkWrite(write, group)
    case 'pending':
      return yield* changePending(write)
    case 'seen':
    case 'clients-seen':
      return yield* putSeen(write)
    case 'checkpoint':
      return yield* addCheckpoint(write, effects)
    case 'audit-forwarded':
      return yield* run('putMeta', forwardedName(write.target), write.place)
    case 'prune':
      return yield* prune(write, effects)
    default:
      return write satisfies never
  }
}

function* prune(write: Write & { readonly type: 'prune' }, effects: Effects): Steps<void> {
  yield* requireLastCheckpoint(write.checkpoint)
  effects.pruned = true
  yield* markPruned(write, write.upTo)
}

function* addCheckpoint(write: Write & { readonly type: 'checkpoint' }, effects: Effects): Steps<void> {
  const { number: next, body, signature } = write.checkpoint
  const { follows = next - 1 } = write
  yield* requireLastCheckpoint(follows)
  if (next <= follows) throw new StoreConflict('checkpoint', `checkpoint ${next} cannot follow ${follows}`)
  effects.checkpointed = true
  yield* run('addCheckpoint', next, body, signature)
}

function* requireLastCheckpoint(expected: number): Steps<void> {
  const row = yield* get('lastCheckpoint')
  const last = row ? numberIn(row, 'number') : 0
  if (expected !== last)
    throw new StoreConflict('checkpoint', `the last checkpoint is ${last}, not ${expected}`)
}

function* changePending({ clients, removed }: Write & { readonly type: 'pending' }): Steps<void> {
  for (const sha256 of removed) yield* run('removePending', sha256)
  for (const { sha256, certificate, address, firstMs, lastMs, attempts } of clients)
    yield* run('putPending', sha256, certificate, address, firstMs, lastMs, attempts)
}

function* putSeen(write: Write & { readonly type: 'seen' | 'clients-seen' }): Steps<void> {
  if (write.type === 'seen')
    for (const { sha256, lastMs, address } of write.certificates)
      yield* run('putSeen', sha256, lastMs, address)
  else
    for (const { clientId, lastMs, address, certificateSha256 } of write.clients)
      yield* run('putClientSeen', clientId, lastMs, address, certificateSha256)
}
