// The secrets that a root key of any kind takes.

import { rootKeyPlaintextBytesMax } from '../../base/bounds.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'

/** Asked to wrap nothing, some services would make a key of their own. Throws RootKeyError('wrapped-form'). */
export function requirePlaintext({ length }: Uint8Array): void {
  if (length >= 1 && length <= rootKeyPlaintextBytesMax) return
  throw new RootKeyError('wrapped-form', `a root key seals 1 to ${rootKeyPlaintextBytesMax} bytes`)
}
