// The attributes that a request states for the halves of a key pair (KMIP 1.4 §4.2). A half's own attributes override the common
// ones; of an attribute with several instances a half gets all.

import type { Request } from '../../wire/kmip/operations.ts'
import type { KeyPairRequest } from '../keys/acts/key-pair.ts'
import type { Context } from './handler.ts'
import { requireStorage } from './storage-masks.ts'
import { overlaid, wantedAttributes } from './wanted-attributes.ts'

export async function pairAttributes(
  request: Request<'CreateKeyPair'>,
  context: Pick<Context, 'transaction' | 'version'>,
): Promise<KeyPairRequest> {
  const half = async (objectType: 'PrivateKey' | 'PublicKey') => {
    const own = {
      TemplateAttribute: request[`${objectType}TemplateAttribute`],
      Attributes: request[`${objectType}Attributes`],
    }
    const common = {
      TemplateAttribute: request.CommonTemplateAttribute,
      Attributes: request.CommonAttributes,
    }
    return overlaid(
      await wantedAttributes(common, objectType, context),
      await wantedAttributes(own, objectType, context),
    )
  }
  requireStorage(request.CommonProtectionStorageMasks)
  requireStorage(request.PrivateProtectionStorageMasks, 'PrivateProtectionStorageUnavailable')
  requireStorage(request.PublicProtectionStorageMasks, 'PublicProtectionStorageUnavailable')
  return { privateKey: await half('PrivateKey'), publicKey: await half('PublicKey') }
}
