// A restore writes objects into the database page by page, with the rows of their standard keys. All of it is the
// same each time, so that a restore that was cut off can be done again.

import { saysTheSame } from '../../core/custody/keyprotect/payload.ts'
import { refOf } from '../../core/custody/keyprotect/records.ts'
import { toWrite, type ManagedObject } from '../../core/keys/object/managed-object.ts'
import { asRecorded, factsOf } from '../../core/keys/object/object-facts.ts'
import type { ObjectRecord } from '../../core/ports/objects.ts'
import type { StandardKeyRecord } from '../../core/ports/secrets.ts'
import type { Write } from '../../core/ports/store.ts'
import type { RestoredObjects } from './objects.ts'
import type { KeyProtectParts, RestoreRun } from './restore.ts'

/** Objects that a restore writes together, and keys that it tries to open before it gives up. */
const restoreCommitObjects = 200

export async function writeObjects(
  { store, marks }: Pick<KeyProtectParts, 'store' | 'marks'>,
  { objects, unwanted }: RestoredObjects,
  {
    onProgress,
    signal,
    namesShared,
  }: Pick<RestoreRun, 'onProgress' | 'signal'> & { readonly namesShared: boolean },
): Promise<void> {
  const total = objects.length
  for (let done = 0; done < total; done += restoreCommitObjects) {
    onProgress({ step: 'write', done, total })
    signal.throwIfAborted()
    const some = objects.slice(done, done + restoreCommitObjects)
    const writes = await Promise.all(
      some.map(async (one): Promise<readonly Write[]> => {
        const { instanceId, uniqueIdentifier } = one.object
        const written = await store.object(instanceId, uniqueIdentifier)
        // This database knows better: what was destroyed or closed here stays so, and what was not recorded yet is kept.
        if (written?.sealed === null) return [rowWrite({ ...one.row, state: 'unwanted' })]
        // Whatever the rows say: it does not come back, and nothing is deleted for a mark alone.
        if (await marks.closing(instanceId, uniqueIdentifier)) return []
        const isNewest = refOf(written)?.standardKeyId === one.row.id
        const object = written ? asRecorded(one.object, written, { isNewest }) : one.object
        const isRecorded = saysTheSame(factsOf(object), factsOf(one.object))
        const row = isRecorded ? one.row : { ...one.row, state: 'due' as const }
        return [...objectWrites(written, object, namesShared), rowWrite(row)]
      }),
    )
    await store.commit({ writes: writes.flat(), entries: [], durability: 'disk' })
  }
  for (let done = 0; done < unwanted.length; done += restoreCommitObjects) {
    const some = unwanted.slice(done, done + restoreCommitObjects)
    await store.commit({ writes: some.map(rowWrite), entries: [], durability: 'disk' })
  }
  onProgress({ step: 'write', done: total, total })
}

function rowWrite(record: StandardKeyRecord): Write {
  return { type: 'standard-key', record }
}

/** None where a restore that was cut off has written the same. */
function objectWrites(
  written: ObjectRecord | undefined,
  object: ManagedObject,
  namesShared: boolean,
): readonly Write[] {
  const write = { ...toWrite(object), namesShared }
  if (!written) return [write]
  const { state, attributes, sealed } = write.record
  const same =
    written.state === state &&
    Buffer.compare(written.attributes, attributes) === 0 &&
    Buffer.compare(written.sealed ?? Buffer.of(), sealed ?? Buffer.of()) === 0
  if (same) return []
  return [{ ...write, record: { ...write.record, version: Math.max(object.version, written.version + 1) } }]
}
