// An expected refusal: an answer with a result reason, safe to send. Reasons have the names of the newest version.
// result-reasons.ts translates them for an older one. Any other error is a bug or an outage, and the client learns nothing about
// it.

import { TtlvError } from '../ttlv/error.ts'
import type { TtlvErrorCode } from '../ttlv/error.ts'
import type { EnumName } from './enums.ts'

export type ResultReasonName = EnumName<'ResultReason'>

export class Fault extends Error {
  override readonly name: string = 'Fault'
  readonly reason: ResultReasonName

  /** The client receives `message`, so it holds no secrets and no internals. */
  constructor(reason: ResultReasonName, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** The Fault for bytes that do not follow their schema (KMIP 1.4 §11.1). */
export function faultOf(error: TtlvError): Fault {
  return new Fault(reasonOf[error.code], error.message, { cause: error })
}

const reasonOf: Readonly<Record<TtlvErrorCode, ResultReasonName>> = {
  malformed: 'InvalidMessage',
  'too-large': 'InvalidMessage',
  'too-deep': 'InvalidMessage',
  'too-many': 'InvalidMessage',
  'wrong-tag': 'InvalidMessage',
  'wrong-type': 'InvalidMessage',
  'unknown-value': 'InvalidField',
  'unknown-field': 'InvalidField',
  'repeated-field': 'InvalidMessage',
  'missing-field': 'InvalidMessage',
}
