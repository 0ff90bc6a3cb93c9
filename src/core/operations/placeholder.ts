// The ID Placeholder of one batch (KMIP 1.4 §4). Operations that create or find one object set it; operations without an
// identifier use it. A failed item leaves it unchanged.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import { uniqueIdentifierBytesMax } from '../../base/bounds.ts'
import type { IdPlaceholder } from './handler.ts'

export class Placeholder implements IdPlaceholder {
  #value: string | undefined

  constructor(value?: string) {
    this.#value = value
  }

  get value(): string | undefined {
    return this.#value
  }

  resolve(uniqueIdentifier: Request<'Get'>['UniqueIdentifier']): string {
    const named = uniqueIdentifier ?? this.#value
    if (named !== undefined && typeof named !== 'string')
      throw new Fault('InvalidMessage', 'Unique Identifier must be a text string')
    if (named === undefined)
      throw new Fault(
        'ObjectNotFound',
        'no Unique Identifier, and no earlier item of this batch created or found one object',
      )
    if (Buffer.byteLength(named) > uniqueIdentifierBytesMax)
      throw new Fault('ObjectNotFound', 'no object has such a long Unique Identifier')
    return named
  }

  set(uniqueIdentifier: string | undefined): void {
    this.#value = uniqueIdentifier
  }
}
