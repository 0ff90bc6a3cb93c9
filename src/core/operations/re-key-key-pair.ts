// Re-key Key Pair (KMIP 1.4 §4.5): a new key pair replaces a stored one, and takes its names and attributes.

import type { Handler } from './handler.ts'
import { pairAttributes } from './pair-attributes.ts'

export const reKeyKeyPair: Handler<'ReKeyKeyPair'> = async (context, request) => {
  const { transaction, placeholder } = context
  const { privateKey, publicKey } = await transaction.rekeyKeyPair({
    uniqueIdentifier: placeholder.resolve(request.PrivateKeyUniqueIdentifier),
    offsetSeconds: request.Offset,
    changes: await pairAttributes(request, context),
  })
  placeholder.set(privateKey)
  return { PrivateKeyUniqueIdentifier: privateKey, PublicKeyUniqueIdentifier: publicKey }
}
