// Does one change inside the writer's transaction: first what it expects, then its writes in their order, then
// its audit entries. Throws StoreConflict; the caller undoes the savepoint then. No transactions here.

import { StoreConflict, type Change, type Expectation, type Write } from '../ports/store.ts'
import type { PendingClient } from '../ports/trust.ts'
import { applyKeyWrite } from './apply-keys.ts'
import { applyInventoryWrite } from './apply-inventory.ts'
import { putObject } from './apply-objects.ts'
import type { AuditChain } from './audit-chain.ts'
import type { Effects } from './effects.ts'
import { markPruned } from './prune.ts'
import type { writeSql } from './sql.ts'
import { number, text, type Statements } from './statements.ts'
import { checkLimits, usageOf } from './usage.ts'

type WriteStatements = Statements<keyof typeof writeSql>

export function applyChange(s: WriteStatements, chain: AuditChain, change: Change, effects: Effects): void {
  if (change.expect) checkExpectation(s, change.expect)
  const bounded = change.expect?.limits
  const before = bounded && usageOf(s, bounded.instanceId)
  for (const write of change.writes) applyWrite(s, write, effects)
  if (before) checkLimits(bounded, before, usageOf(s, bounded.instanceId))
  if (change.writes.some(({ type }) => type === 'trust' || type === 'trust-removed')) {
    s.run('raiseTrustVersion')
    effects.trustRaised = true
  }
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
    const { objects: found } = usageOf(s, instanceId)
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

export function applyWrite(s: WriteStatements, write: Write, effects: Effects): void {
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
    case 'trust-version':
      return void s.run('liftTrustVersion', write.atLeast)
    case 'data-key':
    case 'data-keys-removed':
    case 'data-key-removed':
    case 'data-key-rewrapped':
    case 'standard-key':
    case 'standard-key-state':
    case 'standard-key-removed':
    case 'standard-keys-unwanted':
    case 'secret':
    case 'new-secret':
    case 'secret-removed':
      return applyKeyWrite(s, write, effects)
    case 'inventory-begun':
    case 'inventory-rows':
    case 'inventory-current':
    case 'inventory-gone':
    case 'inventories-gone':
    case 'inventory-cleared':
      return applyInventoryWrite(s, write)
    case 'pending':
      return replacePending(s, write.clients)
    case 'seen':
      for (const { sha256, lastMs, address } of write.certificates) s.run('putSeen', sha256, lastMs, address)
      return undefined
    case 'clients-seen':
      for (const { clientId, lastMs, address, certificateSha256 } of write.clients)
        s.run('putClientSeen', clientId, lastMs, address, certificateSha256)
      return undefined
    case 'checkpoint': {
      const { number: next, body, signature } = write.checkpoint
      const { follows = next - 1 } = write
      const row = s.get('lastCheckpoint')
      const last = row ? number(row, 'number') : 0
      if (follows !== last || next <= last)
        throw new StoreConflict('checkpoint', `the last checkpoint is ${last}, not ${follows}`)
      effects.checkpointed = true
      return void s.run('addCheckpoint', next, body, signature)
    }
    case 'access-moved':
      return void s.run('accessMoved', write.sequence)
    case 'prune':
      effects.pruned = true
      return markPruned(s, write.beforeMs, write.upTo)
    default:
      return write satisfies never
  }
}

/** The list as a whole is what is kept: who is not in it any more was trusted, blocked or forgotten. */
function replacePending(s: WriteStatements, clients: readonly PendingClient[]): void {
  const kept = new Set(clients.map(({ sha256 }) => sha256))
  for (const row of s.all('pendingNames')) {
    const sha256 = text(row, 'sha256')
    if (!kept.has(sha256)) s.run('removePending', sha256)
  }
  for (const { sha256, certificate, address, firstMs, lastMs, attempts } of clients)
    s.run('putPending', sha256, certificate, address, firstMs, lastMs, attempts)
}
