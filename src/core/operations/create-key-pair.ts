// Create Key Pair (KMIP 1.4 §4.2): the server generates a private and a public key, linked to each other.

import type { Handler } from './handler.ts'
import { pairAttributes } from './pair-attributes.ts'
import { defaulted } from './wanted-attributes.ts'

export const createKeyPair: Handler<'CreateKeyPair'> = async (context, request) => {
  const pair = await pairAttributes(request, context)
  const { privateKey, publicKey } = await context.transaction.createKeyPair({
    privateKey: await defaulted(pair.privateKey, 'PrivateKey', context),
    publicKey: await defaulted(pair.publicKey, 'PublicKey', context),
  })
  context.placeholder.set(privateKey)
  return { PrivateKeyUniqueIdentifier: privateKey, PublicKeyUniqueIdentifier: publicKey }
}
