// Writes one object inside the writer's transaction: its row, its material, its names and index entries. After a StoreConflict
// the caller rolls back to the savepoint.

import { StoreConflict, type Write } from '../../../core/ports/store.ts'
import type { ClockSteps, IndexEntry, ObjectRecord } from '../../../core/ports/objects.ts'
import type { Group } from './group.ts'
import { markObject } from './apply-marks.ts'
import type { Effects } from './effects.ts'
import { indexHash } from '../hashes.ts'
import { stepsOf } from './state-counts.ts'
import { objectRowBytes } from './usage.ts'
import { bytesIn, numberIn, orNull, textIn, type Row } from '../row.ts'
import { add, all, get, run, type Steps } from '../steps.ts'

export function* putObject(write: Extract<Write, { type: 'object' }>, group: Group): Steps<void> {
  const { facts, effects } = group
  const { record } = write
  const { instanceId, uniqueIdentifier, state } = record
  const old = yield* facts.objectRow(instanceId, uniqueIdentifier)
  if (old) yield* checkSuccession(old, record)
  const marked = yield* markObject(record, old, group)
  const { recoverable } = record
  const sealed = record.sealed ?? recoverable?.sealed ?? null
  const { material: kept, addedBytes } = yield* putMaterial(old ? materialOf(old) : null, sealed, effects)
  const material = recoverable ? null : kept
  const recoverableColumns = recoverable ? [kept, recoverable.state, recoverable.dueMs] : [null, null, null]

  const indexed = JSON.stringify({
    names: record.sealed === null ? [] : write.names,
    index: write.index.map(({ key, value }: IndexEntry) => [key, value]),
  } satisfies Indexed)
  const { objectType, version, createdMs, attributes } = record
  const dataKeyId = recoverable ? recoverable.dataKeyId : record.dataKeyId
  const { clockSteps = neverByClock } = write
  const { activates, deactivates } = clockSteps
  const bytes = record.attributes.length + Buffer.byteLength(indexed)
  const bytesBefore = old
    ? numberIn(old, 'attributesBytes') + Buffer.byteLength(textIn(old, 'indexed'))
    : -objectRowBytes
  const common = [objectType, state, version, createdMs, attributes, material, dataKeyId, indexed] as const
  const rest = [...recoverableColumns, activates, deactivates, marked]
  let sequence: number
  if (old) {
    sequence = numberIn(old, 'sequence')
    yield* run('changeObject', ...common, ...rest, sequence)
  } else {
    sequence = yield* add('addObject', instanceId, uniqueIdentifier, ...common, ...rest)
  }
  facts.objectChanged(instanceId, uniqueIdentifier)
  yield* putIndex(instanceId, sequence, old, {
    indexed,
    destroyed: record.sealed === null,
    namesShared: write.namesShared === true,
  })
  const wasRecoverable = (old?.['recoverable'] ?? null) !== null
  yield* countSteps(instanceId, old ? clockStepsOf(old) : neverByClock, clockSteps)
  const oldState = old ? textIn(old, 'state') : null
  facts.grow(instanceId, {
    bytes: bytes - bytesBefore + addedBytes,
    recoverable: Number(recoverable !== undefined) - Number(wasRecoverable),
    ...(oldState !== state && { states: { [state]: 1, ...(oldState !== null && { [oldState]: -1 }) } }),
  })
}

const neverByClock: ClockSteps = { activates: null, deactivates: null }

function clockStepsOf(old: Row): ClockSteps {
  return { activates: orNull(old, 'activates', numberIn), deactivates: orNull(old, 'deactivates', numberIn) }
}

function* countSteps(instanceId: string, from: ClockSteps, to: ClockSteps): Steps<void> {
  if (from.activates === to.activates && from.deactivates === to.deactivates) return
  for (const { unit, at, step } of stepsOf(from)) {
    yield* run('countStep', instanceId, unit, at, step, -1)
    yield* run('forgetStep', instanceId, unit, at, step)
  }
  for (const { unit, at, step } of stepsOf(to)) yield* run('countStep', instanceId, unit, at, step, 1)
}

/** The names and index entries of an object, as its row stores them. */
interface Indexed {
  readonly names: readonly string[]
  readonly index: readonly (readonly [key: string, value: string])[]
}

/**
 * Versions only rise, and a destroyed object stays destroyed, whatever the change expects. Only an object with recoverable material
 * can come back, and only with that material.
 */
function* checkSuccession(old: Row, { version: next, ...record }: ObjectRecord): Steps<void> {
  const version = numberIn(old, 'version')
  if (next <= version)
    throw new StoreConflict('object', `the object is at version ${version}, not before ${next}`)
  if (old['material'] !== null) return
  const sealed = record.sealed ?? record.recoverable?.sealed
  if (!sealed) return
  const waiting = orNull(old, 'recoverable', numberIn)
  const row = waiting === null ? undefined : yield* get('material', waiting)
  if (!row || Buffer.compare(bytesIn(row, 'sealed'), sealed) !== 0)
    throw new StoreConflict('object', 'the object was destroyed')
}

/** The row of the object's material, including recoverable material. */
function materialOf(old: Row): number | null {
  return orNull(old, 'material', numberIn) ?? orNull(old, 'recoverable', numberIn)
}

export function* removeRecoverable(
  { instanceId, uniqueIdentifier }: Extract<Write, { type: 'recoverable-removed' }>,
  { facts, effects }: Group,
): Steps<void> {
  const rows =
    uniqueIdentifier === undefined
      ? yield* all('recoverableOfInstance', instanceId)
      : [yield* facts.objectRow(instanceId, uniqueIdentifier)]
  for (const row of rows) {
    const material = row ? orNull(row, 'recoverable', numberIn) : null
    if (!row || material === null) continue
    yield* run('eraseMaterial', material)
    yield* run('removeRecoverable', numberIn(row, 'sequence'))
    facts.objectChanged(instanceId, textIn(row, 'uniqueIdentifier'))
    facts.grow(instanceId, { recoverable: -1 })
    effects.materialRemoved = true
  }
}

interface PutMaterial {
  /** The id of the row with the material. */
  readonly material: number | null
  readonly addedBytes: number
}

/**
 * Stores the material. It overwrites old material in place, since a row of the table must keep its place and length
 * (sqlite/migrations.ts).
 */
function* putMaterial(old: number | null, sealed: Uint8Array | null, effects: Effects): Steps<PutMaterial> {
  if (old === null) return yield* addMaterial(sealed)
  const row = yield* get('material', old)
  const before = row ? bytesIn(row, 'sealed') : new Uint8Array()
  if (sealed && Buffer.compare(before, sealed) === 0) return { material: old, addedBytes: 0 }
  effects.materialRemoved = true
  if (sealed?.length === before.length) {
    yield* run('overwriteMaterial', sealed, old)
    return { material: old, addedBytes: 0 }
  }
  yield* run('eraseMaterial', old)
  return yield* addMaterial(sealed)
}

function* addMaterial(sealed: Uint8Array | null): Steps<PutMaterial> {
  if (sealed === null) return { material: null, addedBytes: 0 }
  return { material: yield* add('addMaterial', sealed), addedBytes: sealed.length }
}

function* putIndex(
  instanceId: string,
  sequence: number,
  old: Row | undefined,
  now: { readonly indexed: string; readonly destroyed: boolean; readonly namesShared: boolean },
): Steps<void> {
  const before = old ? textIn(old, 'indexed') : '{"names":[],"index":[]}'
  const wasDestroyed = old?.['material'] === null
  if (before === now.indexed && wasDestroyed === now.destroyed) return
  const from = JSON.parse(before) as Indexed
  const to = JSON.parse(now.indexed) as Indexed
  const fromHashes = new Set(
    from.index.map(([key, value]) => indexHash(instanceId, key, value, wasDestroyed)),
  )
  const toHashes = new Set(to.index.map(([key, value]) => indexHash(instanceId, key, value, now.destroyed)))
  for (const hash of fromHashes) if (!toHashes.has(hash)) yield* run('removeIndex', hash, sequence)
  for (const hash of toHashes) if (!fromHashes.has(hash)) yield* run('addIndex', hash, sequence)
  for (const name of from.names)
    if (!to.names.includes(name)) yield* run('removeName', instanceId, name, sequence)
  for (const name of new Set(to.names)) {
    if (from.names.includes(name)) continue
    if (!now.namesShared && (yield* get('nameOwner', instanceId, name)))
      throw new StoreConflict('name', `another object of the instance has the name ${JSON.stringify(name)}`)
    yield* run('addName', instanceId, name, sequence)
  }
}
