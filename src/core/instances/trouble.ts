// Why long work is at a standstill, in words for the administrator who waits for it.

import { CustodyRefused } from '../custody/custody.ts'
import { StoreUnavailable } from '../ports/store.ts'
import { RootKeyError } from '../ports/root-key.ts'
import { KeysUnavailable } from '../sealing/unwrap-cache.ts'

const charactersMax = 1_000

/** Undefined for bugs. The log has the details. */
export function troubleOf(error: unknown): string | undefined {
  if (error instanceof RootKeyError) return error.message.slice(0, charactersMax)
  if (error instanceof StoreUnavailable) return `the store: ${error.message}`.slice(0, charactersMax)
  if (error instanceof KeysUnavailable || error instanceof CustodyRefused) return troubleOf(error.cause)
  return undefined
}
