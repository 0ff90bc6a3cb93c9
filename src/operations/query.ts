// Query (KMIP 1.4 §4.25): what this server does. Counted, not entered in the audit; it touches no key.

import { operations, type OperationName, type Response } from '../kmip/operations.ts'
import { isIn } from '../kmip/version.ts'
import type { Handler } from './handler.ts'

/** What Query says of this server; handed in, since the handled operations are known where the handlers stand. */
export interface QueryFacts {
  readonly handled: readonly OperationName[]
  readonly serverVersion: string
}

const objectTypes = ['SymmetricKey', 'SecretData', 'OpaqueObject'] as const

export function queryWith(facts: QueryFacts): Handler<'Query'> {
  return async ({ version }, request) => {
    const asked = new Set(request.QueryFunction)
    const answer: { -readonly [K in keyof Response<'Query'>]: Response<'Query'>[K] } = {}
    if (asked.has('QueryOperations'))
      answer.Operation = facts.handled.filter((name) => isIn(operations[name], version))
    if (asked.has('QueryObjects')) answer.ObjectType = objectTypes
    if (asked.has('QueryServerInformation')) {
      answer.VendorIdentification = `Mortise ${facts.serverVersion}`
      answer.ServerInformation = []
    }
    if (asked.has('QueryRNGs')) answer.RNGParameters = [ownGenerator]
    if (asked.has('QueryCapabilities'))
      answer.CapabilityInformation = [
        { StreamingCapability: false, AsynchronousCapability: false, AttestationCapability: false },
      ]
    return answer as Response<'Query'>
  }
}

/** OpenSSL's generator: CTR_DRBG with AES-256 (SP 800-90A). */
const ownGenerator = {
  RNGAlgorithm: 'DRBG',
  CryptographicAlgorithm: 'AES',
  CryptographicLength: 256,
  DRBGAlgorithm: 'CTR',
  PredictionResistance: false,
} as const
