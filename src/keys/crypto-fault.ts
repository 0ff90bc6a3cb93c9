// How the refusals of computations are answered: one table from their kinds to the reasons of KMIP.

import { CryptoError, type CryptoErrorKind } from '../crypto/error.ts'
import { Fault, type ResultReasonName } from '../kmip/fault.ts'

const reasons: Readonly<Record<CryptoErrorKind, ResultReasonName>> = {
  busy: 'GeneralFailure',
  lost: 'GeneralFailure',
  unsupported: 'UnsupportedCryptographicParameters',
  invalid: 'BadCryptographicParameters',
  // The published cases expect this reason at every version.
  'no-iv': 'InvalidMessage',
  failed: 'CryptographicFailure',
}

/** The same with Faults in place of CryptoErrors. */
export async function withFaults<T>(computation: Promise<T>): Promise<T> {
  try {
    return await computation
  } catch (error) {
    if (error instanceof CryptoError) throw new Fault(reasons[error.kind], error.message, { cause: error })
    throw error
  }
}
