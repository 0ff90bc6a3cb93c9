// Maps the refusals of computations to KMIP's reasons, in one table.

import { CryptoError, type CryptoErrorKind } from '../../crypto/error.ts'
import { Fault, type ResultReasonName } from '../../../wire/kmip/fault.ts'

const reasons: Readonly<Record<CryptoErrorKind, ResultReasonName>> = {
  busy: 'GeneralFailure',
  lost: 'GeneralFailure',
  unsupported: 'UnsupportedCryptographicParameters',
  invalid: 'BadCryptographicParameters',
  // The published cases expect these two reasons at every version.
  'no-iv': 'InvalidMessage',
  'tag-length': 'GeneralFailure',
  'no-stream': 'InvalidCorrelationValue',
  left: 'OperationCanceledByRequester',
  failed: 'CryptographicFailure',
}

/** Returns a Fault in place of a CryptoError, and other errors unchanged. */
export function faultOf(error: unknown): unknown {
  if (!(error instanceof CryptoError)) return error
  return new Fault(reasons[error.kind], error.message, { cause: error })
}

export async function withFaults<T>(computation: Promise<T>): Promise<T> {
  try {
    return await computation
  } catch (error) {
    throw faultOf(error)
  }
}
