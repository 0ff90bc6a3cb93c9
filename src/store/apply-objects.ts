// Writes one object inside the writer's transaction: its row, its material, its names and index entries, and the
// mark that its journal lacks it. Throws StoreConflict; the caller undoes the savepoint then.

import { StoreConflict, type Write } from '../ports/store.ts'
import type { IndexEntry, ObjectRecord } from '../ports/objects.ts'
import type { Effects } from './effects.ts'
import { indexHash } from './hashes.ts'
import type { writeSql } from './sql.ts'
import { bytes, number, orNull, text, type Row, type Statements } from './statements.ts'

type WriteStatements = Statements<keyof typeof writeSql>

export function putObject(
  s: WriteStatements,
  write: Extract<Write, { type: 'object' }>,
  effects: Effects,
): void {
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
  if (write.journal) s.run('unjournal', instanceId, sequence)
  putIndex(s, instanceId, sequence, old, { indexed, destroyed: record.sealed === null })
  const oldState = old ? text(old, 'state') : null
  if (oldState === state) return
  if (oldState !== null) s.run('count', instanceId, oldState, -1)
  s.run('count', instanceId, state, 1)
}

/** The names and index entries that an object has, as kept in its row. */
interface Indexed {
  readonly names: readonly string[]
  readonly index: readonly (readonly [key: string, value: string])[]
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
