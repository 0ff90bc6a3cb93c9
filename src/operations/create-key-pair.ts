// Create Key Pair (KMIP 1.4 §4.2): the server generates a private and a public key, linked to each other.

import type { Handler } from './handler.ts'
import { pairAttributes } from './pair-attributes.ts'

export const createKeyPair: Handler<'CreateKeyPair'> = async (context, request) => {
  const { privateKey, publicKey } = await context.transaction.createKeyPair(
    await pairAttributes(request, context),
  )
  context.placeholder.set(privateKey)
  return { PrivateKeyUniqueIdentifier: privateKey, PublicKeyUniqueIdentifier: publicKey }
}
