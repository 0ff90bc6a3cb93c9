// Where objects are adopted from: another KMIP server, or what IBM's service left in Key Protect. adoption.ts takes what an
// origin reads.

import type { Response } from '../../wire/kmip/operations.ts'
import type { Read } from './reader.ts'
import type { Listing } from './report.ts'

export interface Origin {
  /** For people and for the object's own record. */
  readonly from: string
  /** The version of KMIP in which it is asked; null: not in KMIP. */
  readonly version: string | null
  /** Whether what it reads was compared with a second source. */
  readonly isCompared: boolean
  /** Names of all objects there, as the other calls take them. */
  list(): Promise<readonly string[]>
  /** The identifier of an object, as far as it is known before it was read. */
  nameOf(named: string): string
  /** Rejects with NotAdopted, and as Retries.ask does. The caller wipes the object. */
  read(named: string): Promise<Read>
  /** For a comparison after the adoption. */
  get(named: string): Promise<Response<'Get'>>
}

/** One object is not adopted; the report lists it with this reason. */
export class NotAdopted extends Error {
  override readonly name = 'NotAdopted'
  readonly list: Listing

  constructor(list: Listing, message: string, options?: ErrorOptions) {
    super(message, options)
    this.list = list
  }
}
