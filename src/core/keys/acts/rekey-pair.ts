// Re-key Key Pair (KMIP 1.4 §4.5): a new pair replaces an existing one. The new pair gets the old one's attributes and Names, and
// links from each half to its replacement and back.

import { Fault } from '../../../wire/kmip/fault.ts'
import { keepNewPair, newIdentifiers, type KeyPairMade, type KeyPairRequest } from './key-pair.ts'
import { linksOf } from '../object/links.ts'
import { replacedBy, replacementAttributes, requireKeyValue, requireUnreplaced } from './replacement.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export interface RekeyPairRequest {
  readonly uniqueIdentifier: string
  readonly offsetSeconds: number | undefined
  /** The attributes that the client gives; the old pair gives all others. */
  readonly changes: KeyPairRequest
}

export async function rekeyKeyPair(
  objects: TransactionObjects,
  request: RekeyPairRequest,
): Promise<KeyPairMade> {
  const { uniqueIdentifier, offsetSeconds, changes } = request
  const { staged } = objects
  staged.begin('key.rekey-pair', uniqueIdentifier)
  const old = await oldPair(objects, uniqueIdentifier)
  const ids = newIdentifiers(objects.staged.nowMs)
  for (const half of ['privateKey', 'publicKey'] as const)
    await objects.stage(old[half], replacedBy(old[half], ids[half]))
  const renewed = (half: 'privateKey' | 'publicKey') =>
    replacementAttributes(old[half].attributes, {
      changes: changes[half],
      offset: offsetSeconds,
      nowMs: staged.nowMs,
    })
  const both = { privateKey: renewed('privateKey'), publicKey: renewed('publicKey') }
  const replaced = { privateKey: uniqueIdentifier, publicKey: old.publicKey.uniqueIdentifier }
  await keepNewPair(objects, both, ids, replaced)
  staged.done({ object: ids.privateKey, detail: { replaces: uniqueIdentifier, publicKey: ids.publicKey } })
  return ids
}

async function oldPair(objects: TransactionObjects, uniqueIdentifier: string) {
  const privateKey = await objects.live(uniqueIdentifier)
  if (privateKey.objectType !== 'PrivateKey')
    throw new Fault('InvalidObjectType', 'Re-key Key Pair takes the Unique Identifier of a Private Key')
  requireKeyValue(privateKey)
  await requireUnreplaced(objects, privateKey)
  const [other] = linksOf(privateKey.attributes, 'PublicKeyLink')
  if (other === undefined) throw new Fault('ObjectNotFound', 'the Private Key has no Link to its Public Key')
  const publicKey = await objects.live(other)
  if (publicKey.objectType !== 'PublicKey')
    throw new Fault('InvalidObjectType', 'the Public Key Link leads to an object of another type')
  return { privateKey, publicKey }
}
