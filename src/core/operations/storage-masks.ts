// Protection Storage Masks (KMIP 2.1 §7.33): where the client permits a new object to be stored. The server must meet at least
// one whole mask.

import { maskNames } from '../../wire/kmip/enums.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import { storageMasks } from '../keys/object/newer-attributes.ts'

type Masks = Request<'Create'>['ProtectionStorageMasks']

/** Throws the Fault of the reason if the request has masks and the server meets none. */
export function requireStorage(
  masks: Masks,
  reason:
    | 'ProtectionStorageUnavailable'
    | 'PrivateProtectionStorageUnavailable'
    | 'PublicProtectionStorageUnavailable' = 'ProtectionStorageUnavailable',
): void {
  const allowedMasks = masks?.ProtectionStorageMask ?? []
  if (allowedMasks.length === 0 || allowedMasks.some((mask) => storageMasks.includes(mask))) return
  const offered = storageMasks.map((mask) => maskNames('ProtectionStorageMask', mask).join(' and '))
  throw new Fault(reason, `this server stores objects only in ${offered.join(' or ')}`)
}
