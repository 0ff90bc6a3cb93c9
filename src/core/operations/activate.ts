// Activate (KMIP 1.4 §4.19): takes an object from Pre-Active to Active, now.

import { atLeast } from '../../wire/kmip/version.ts'
import type { Handler } from './handler.ts'

export const activate: Handler<'Activate'> = async ({ transaction, version, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  await transaction.activate(UniqueIdentifier, { onlyCryptographic: !atLeast(version, '2.0') })
  return { UniqueIdentifier }
}
