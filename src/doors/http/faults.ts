// Maps what handlers throw to the error that the API answers; this is the only place. Anything not in these tables is
// a bug or an outage: the server logs it with the request's id and answers 'internal' without its text.

import { KeysUnavailable } from '../../core/sealing/unwrap-cache.ts'
import { LeaseElsewhere } from '../../core/ports/leases.ts'
import { OlderNode } from '../../core/ports/least-version.ts'
import { StoreConflict, StoreUnavailable } from '../../core/ports/store.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { PkiError } from '../../core/pki/error.ts'
import { Refusal, type ErrorCode } from '../../base/refusal.ts'

/** Returns the error to answer, or undefined if the thrown value must not be shown. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error
  if (error instanceof PkiError) return new Refusal('bad-request', error.message)
  if (error instanceof Fault) return ofFault(error)
  if (error instanceof LeaseElsewhere)
    return new Refusal('conflict', error.message, 'Try again when it is done.')
  if (error instanceof OlderNode) return new Refusal('conflict', error.message)
  if (error instanceof StoreConflict)
    return new Refusal('conflict', 'another request changed this at the same time', 'Try again.')
  if (error instanceof StoreUnavailable)
    return new Refusal('unavailable', storeTexts[error.why], error.hint ?? storeHints[error.why])
  if (error instanceof RootKeyError || error instanceof KeysUnavailable)
    return new Refusal(
      'unavailable',
      'the root key of this instance cannot be used at the moment',
      'See the log.',
    )
  return undefined
}

const storeTexts: Record<StoreUnavailable['why'], string> = {
  full: 'the disk is full: nothing can be changed; existing keys are served',
  busy: 'the server is overloaded',
  unavailable: 'the store cannot be used at the moment',
}
const storeHints: Record<StoreUnavailable['why'], string> = {
  full: 'Make room on the disk of the data folder.',
  busy: 'Try again in a moment.',
  unavailable: 'See the log of the server.',
}

/** The KMIP result reasons that are not simply 'refused'. */
const faultCodes: { readonly [reason: string]: ErrorCode } = {
  ItemNotFound: 'not-found',
  ObjectNotFound: 'not-found',
  AuthenticationNotSuccessful: 'unauthenticated',
  InvalidField: 'bad-request',
  InvalidMessage: 'bad-request',
  NonUniqueNameAttribute: 'conflict',
  GeneralFailure: 'unavailable',
}

function ofFault(fault: Fault): Refusal {
  return new Refusal(faultCodes[fault.reason] ?? 'refused', fault.message)
}
