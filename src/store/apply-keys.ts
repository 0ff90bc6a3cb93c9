// Writes data keys, what is known of standard keys, and the server's secrets, inside the writer's transaction. What is
// removed or replaced is overwritten first, where it lies. Throws StoreConflict; the caller undoes the savepoint then.

import { StoreConflict, type Write } from '../ports/store.ts'
import type { Effects } from './effects.ts'
import type { writeSql } from './sql.ts'
import { bytes, type Statements } from './statements.ts'

type WriteStatements = Statements<keyof typeof writeSql>
type Of<T extends Write['type']> = Extract<Write, { type: T }>
type DataKeyWrite = Of<'data-key' | 'data-keys-removed' | 'data-key-removed' | 'data-key-rewrapped'>
type StandardKeyWrite = Of<'standard-key' | 'standard-key-removed' | 'standard-keys-unwanted'>
type SecretWrite = Of<'secret' | 'new-secret' | 'secret-removed'>

export function applyKeyWrite(
  s: WriteStatements,
  write: DataKeyWrite | StandardKeyWrite | SecretWrite,
  effects: Effects,
): void {
  switch (write.type) {
    case 'data-key':
    case 'data-keys-removed':
    case 'data-key-removed':
    case 'data-key-rewrapped':
      return applyDataKey(s, write, effects)
    case 'standard-key':
      return putStandardKey(s, write)
    case 'standard-key-removed':
      return void s.run('removeStandardKey', write.id)
    case 'standard-keys-unwanted':
      return void s.run('standardKeysUnwanted', write.instanceId)
    case 'secret':
    case 'new-secret':
    case 'secret-removed':
      return applySecret(s, write, effects)
    default:
      return write satisfies never
  }
}

function applyDataKey(s: WriteStatements, write: DataKeyWrite, effects: Effects): void {
  switch (write.type) {
    case 'data-key':
      return putDataKey(s, write.record)
    case 'data-keys-removed':
      effects.materialRemoved = true
      s.run('eraseDataKeys', write.instanceId)
      return void s.run('removeDataKeys', write.instanceId)
    case 'data-key-removed':
      effects.materialRemoved = true
      s.run('eraseDataKey', write.id)
      return void s.run('removeDataKey', write.id)
    case 'data-key-rewrapped': {
      const row = s.get('dataKey', write.record.id)
      if (!row || Buffer.compare(bytes(row, 'wrapped'), write.was) !== 0)
        throw new StoreConflict('data-key', `the data key ${write.record.id} is not wrapped as expected`)
      effects.materialRemoved = true
      s.run('eraseDataKey', write.record.id)
      return putDataKey(s, write.record)
    }
    default:
      return write satisfies never
  }
}

function putDataKey(s: WriteStatements, record: Of<'data-key'>['record']): void {
  const { id, instanceId, rootKeyUri, rootKeyId, wrapped, createdMs } = record
  s.run('putDataKey', id, instanceId, rootKeyUri, rootKeyId, wrapped, createdMs)
}

function putStandardKey(s: WriteStatements, { record, from }: Of<'standard-key'>): void {
  const { id, instanceId, kind, identifier, generation, rootKeyUri, state } = record
  const { standardKeyId, keyVersion, createdMs } = record
  const rest = [instanceId, kind, identifier, generation, rootKeyUri, state] as const
  const more = [standardKeyId, keyVersion, createdMs] as const
  const { changes } =
    from === null
      ? s.run('addStandardKey', id, ...rest, ...more)
      : s.run('changeStandardKey', ...rest, ...more, id, from)
  if (changes > 0) return
  throw new StoreConflict('standard-key', `the standard key ${id} is not ${from ?? 'new'}`)
}

function applySecret(s: WriteStatements, write: SecretWrite, effects: Effects): void {
  switch (write.type) {
    case 'secret': {
      const { name, sealed } = write.record
      if (s.run('eraseSecret', name).changes > 0) effects.materialRemoved = true
      return void s.run('putSecret', name, sealed)
    }
    case 'new-secret':
      if (s.run('addSecret', write.record.name, write.record.sealed).changes === 0)
        throw new StoreConflict('secret', `there is a secret ${write.record.name} already`)
      return undefined
    case 'secret-removed':
      effects.materialRemoved = true
      s.run('eraseSecret', write.name)
      return void s.run('removeSecret', write.name)
    default:
      return write satisfies never
  }
}
