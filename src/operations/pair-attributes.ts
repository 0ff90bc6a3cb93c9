// The attributes that a request wants for the two halves of a key pair (KMIP 1.4 §4.2): those of each half go before the common
// ones; of an attribute with several instances a half gets all.

import type { Request } from '../kmip/operations.ts'
import type { KeyPairWanted } from '../keys/key-pair.ts'
import type { Context } from './handler.ts'
import { overlaid, wantedAttributes } from './wanted-attributes.ts'

export async function pairAttributes(
  request: Request<'CreateKeyPair'>,
  context: Pick<Context, 'transaction' | 'version'>,
): Promise<KeyPairWanted> {
  const half = async (objectType: 'PrivateKey' | 'PublicKey') => {
    const own = request[`${objectType}TemplateAttribute`]
    const common = { TemplateAttribute: request.CommonTemplateAttribute } as const
    return overlaid(
      await wantedAttributes(common, objectType, context),
      await wantedAttributes({ TemplateAttribute: own }, objectType, context),
    )
  }
  return { privateKey: await half('PrivateKey'), publicKey: await half('PublicKey') }
}
