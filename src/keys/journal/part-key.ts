// The data key that seals parts of a journal: fresh for those that are written together, and found again in the header
// of each.

import { randomBytes, randomUUID, type KeyObject } from 'node:crypto'
import { limits } from '../../limits.ts'
import { takeKey } from '../../sealing/envelope.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import { RootKeyError, type RootKey, type Trail } from '../../ports/root-key.ts'
import { requireStandardKeys } from '../standard-keys/keeper.ts'
import { JournalDamaged, journalKeyAad, openPart, partHeader, type JournalHeader } from './format.ts'

/** A data key, and what the headers of its parts say of it. */
export interface PartKey {
  readonly dataKey: KeyObject
  readonly said: Pick<JournalHeader, 'dataKeyId' | 'wrapped' | 'keyVersion'>
}

/**
 * A fresh one. Where the root key seals nothing new any more, as one that has expired, that of the newest of the parts
 * beside it that can still be read: revocations must go on to be noted. Throws RootKeyError.
 */
export async function newPartKey(
  rootKey: RootKey,
  instanceId: string,
  newestFirst: readonly StandardKeyRecord[],
  trail?: Trail,
): Promise<PartKey> {
  const dataKeyId = randomUUID()
  const bytes = randomBytes(32)
  try {
    const wrapped = await rootKey.wrap(bytes, journalKeyAad(instanceId, dataKeyId), trail)
    const keyVersion = rootKey.versions?.of(wrapped) ?? ''
    const said = { dataKeyId, wrapped: Buffer.from(wrapped).toString('base64'), keyVersion }
    return { dataKey: takeKey(bytes), said }
  } catch (error) {
    if (!isAboutThisOne(error)) throw error
    for (const { standardKeyId } of newestFirst.slice(0, limits.journalKeysTriedMax))
      try {
        const payload = await requireStandardKeys(rootKey).read(standardKeyId ?? '', trail)
        const { header, dataKey } = await openJournalPart(rootKey, payload, trail)
        const { dataKeyId: known, wrapped, keyVersion } = header
        if (header.instance === instanceId)
          return { dataKey, said: { dataKeyId: known, wrapped, keyVersion } }
      } catch (unread) {
        if (!isAboutThisOne(unread)) throw unread
      }
    throw error
  }
}

/** As long as any; to know how much fits beside it. */
export function anyPartKey(): PartKey {
  const wrapped = Buffer.alloc(400).toString('base64')
  return { dataKey: takeKey(randomBytes(32)), said: { dataKeyId: randomUUID(), wrapped, keyVersion: '' } }
}

/** The one that a header names. Throws RootKeyError. */
export async function openPartKey(
  rootKey: RootKey,
  { instance, dataKeyId, wrapped }: JournalHeader,
  trail?: Trail,
): Promise<KeyObject> {
  const aad = journalKeyAad(instance, dataKeyId)
  return takeKey(await rootKey.unwrap(Buffer.from(wrapped, 'base64'), aad, trail))
}

/** A part as it lies at the service, opened by the root key. Throws JournalDamaged and RootKeyError. */
export async function openJournalPart(
  rootKey: RootKey,
  payload: Uint8Array,
  trail?: Trail,
): Promise<{ readonly header: JournalHeader; readonly piece: Buffer; readonly dataKey: KeyObject }> {
  const header = partHeader(payload)
  const dataKey = await openPartKey(rootKey, header, trail)
  return { header, piece: openPart(dataKey, payload), dataKey }
}

/** Nothing that other parts or their root key had to do with. */
function isAboutThisOne(error: unknown): boolean {
  return error instanceof JournalDamaged || (error instanceof RootKeyError && error.reach === 'wrapped-form')
}
