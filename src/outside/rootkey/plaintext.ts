// The sizes of the secrets that a root key of any kind wraps.

import { rootKeyPlaintextBytesMax } from '../../base/bounds.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'

/** An empty secret is refused because some services would make a key of their own and wrap it. Throws RootKeyError('wrapped-form'). */
export function requirePlaintext({ length }: Uint8Array): void {
  if (length >= 1 && length <= rootKeyPlaintextBytesMax) return
  throw new RootKeyError('wrapped-form', `a root key seals 1 to ${rootKeyPlaintextBytesMax} bytes`)
}
