// Writes data keys, records of standard keys, and the server's secrets, inside the writer's transaction. Before it removes or
// replaces a data key or a secret, it overwrites the old bytes in place. After a StoreConflict the caller rolls back to the
// savepoint.

import { StoreConflict, type Write } from '../../../core/ports/store.ts'
import type { Effects } from './effects.ts'
import { bytesIn } from '../row.ts'
import { changed, get, run, type Steps } from '../steps.ts'

type Of<T extends Write['type']> = Extract<Write, { type: T }>
type DataKeyWrite = Of<'data-key' | 'data-keys-removed' | 'data-key-removed' | 'data-key-rewrapped'>
type StandardKeyWrite = Of<
  | 'standard-key'
  | 'standard-key-state'
  | 'standard-key-removed'
  | 'standard-keys-unwanted'
  | 'standard-keys-forgotten'
>
type SecretWrite = Of<'secret' | 'new-secret' | 'secret-removed'>

export function* applyKeyWrite(
  write: DataKeyWrite | StandardKeyWrite | SecretWrite,
  effects: Effects,
): Steps<void> {
  switch (write.type) {
    case 'data-key':
    case 'data-keys-removed':
    case 'data-key-removed':
    case 'data-key-rewrapped':
      return yield* applyDataKey(write, effects)
    case 'standard-key':
      return yield* putStandardKey(write)
    case 'standard-key-state':
      return yield* run('setStandardKeyState', write.state, write.id)
    case 'standard-key-removed':
      return yield* run('removeStandardKey', write.id)
    case 'standard-keys-unwanted':
      if (write.identifier === undefined) return yield* run('standardKeysUnwanted', write.instanceId)
      return yield* run('standardKeysOfOneUnwanted', write.instanceId, write.identifier)
    case 'standard-keys-forgotten':
      return yield* run('forgetStandardKeys', write.instanceId, write.rootKeyUri)
    case 'secret':
    case 'new-secret':
    case 'secret-removed':
      return yield* applySecret(write, effects)
    default:
      return write satisfies never
  }
}

function* applyDataKey(write: DataKeyWrite, effects: Effects): Steps<void> {
  switch (write.type) {
    case 'data-key':
      return yield* putDataKey(write.record)
    case 'data-keys-removed':
      effects.materialRemoved = true
      yield* run('eraseDataKeys', write.instanceId)
      return yield* run('removeDataKeys', write.instanceId)
    case 'data-key-removed':
      effects.materialRemoved = true
      yield* run('eraseDataKey', write.id)
      return yield* run('removeDataKey', write.id)
    case 'data-key-rewrapped': {
      const row = yield* get('dataKey', write.record.id)
      if (!row || Buffer.compare(bytesIn(row, 'wrapped'), write.was) !== 0)
        throw new StoreConflict('data-key', `the data key ${write.record.id} is not wrapped as expected`)
      effects.materialRemoved = true
      yield* run('eraseDataKey', write.record.id)
      return yield* putDataKey(write.record)
    }
    default:
      return write satisfies never
  }
}

function* putDataKey(record: Of<'data-key'>['record']): Steps<void> {
  const { id, instanceId, rootKeyUri, rootKeyId, wrapped, createdMs } = record
  yield* run('putDataKey', id, instanceId, rootKeyUri, rootKeyId, wrapped, createdMs)
}

function* putStandardKey({ record }: Of<'standard-key'>): Steps<void> {
  const { id, instanceId, kind, identifier, generation, rootKeyUri, state, keyVersion, createdMs } = record
  const rest = [instanceId, kind, identifier, generation, rootKeyUri, state, keyVersion, createdMs] as const
  yield* run('putStandardKey', id, ...rest)
}

function* applySecret(write: SecretWrite, effects: Effects): Steps<void> {
  switch (write.type) {
    case 'secret': {
      const { name, sealed } = write.record
      if (write.was !== undefined) {
        const row = yield* get('secret', name)
        const isAsRead =
          row && write.was ? Buffer.compare(bytesIn(row, 'sealed'), write.was) === 0 : !row && !write.was
        if (!isAsRead) throw new StoreConflict('secret', `the secret ${name} is not as it was read`)
      }
      if ((yield* changed('eraseSecret', name)) > 0) effects.materialRemoved = true
      return yield* run('putSecret', name, sealed)
    }
    case 'new-secret':
      if ((yield* changed('addSecret', write.record.name, write.record.sealed)) === 0)
        throw new StoreConflict('secret', `there is a secret ${write.record.name} already`)
      return undefined
    case 'secret-removed':
      effects.materialRemoved = true
      yield* run('eraseSecret', write.name)
      return yield* run('removeSecret', write.name)
    default:
      return write satisfies never
  }
}
