// Keeps what the items of a batch returned, for later items that refer to it instead of naming an object or bringing data
// (KMIP 2.1 §4.58, §7.9): by the operation, or by place in the answer. Only 2.x has such references.

import { nameOf, type EnumName } from '../kmip/enums.ts'
import { Fault } from '../kmip/fault.ts'
import type { OperationName, Request } from '../kmip/operations.ts'

type Identifier = NonNullable<Request<'Get'>['UniqueIdentifier']>
type Data = NonNullable<Request<'MAC'>['Data']>

interface Returned<T> {
  /** Counts the items that were answered. */
  readonly item: number
  readonly operation: OperationName
  readonly field: string
  readonly value: T
}

const identifierFields = ['UniqueIdentifier', 'PrivateKeyUniqueIdentifier', 'PublicKeyUniqueIdentifier']
const dataFields = ['Data', 'MACData', 'SignatureData']

export class BatchResults {
  readonly #identifiers: Returned<string>[] = []
  readonly #data: Returned<Buffer>[] = []
  #items = 0
  /** The last item's, which may still fail to commit. */
  #staged: { readonly identifiers: Returned<string>[]; readonly data: Returned<Buffer>[] } | undefined

  /** Called when an item was answered. `keep` follows once it is committed. */
  stage(operation: OperationName, response: object): void {
    this.drop()
    const item = this.#items++
    const fields = Object.entries(response) as [string, unknown][]
    const identifiers = fields
      .filter(([field]) => identifierFields.includes(field))
      .flatMap(([field, value]) =>
        [value].flat().map((one) => ({ item, operation, field, value: String(one) })),
      )
    const data = fields
      .filter(([field, value]) => dataFields.includes(field) && value instanceof Uint8Array)
      .map(([field, value]) => ({ item, operation, field, value: Buffer.from(value as Uint8Array) }))
    this.#staged = { identifiers, data }
  }

  keep(): void {
    this.#identifiers.push(...(this.#staged?.identifiers ?? []))
    this.#data.push(...(this.#staged?.data ?? []))
    this.#staged = undefined
  }

  drop(): void {
    for (const { value } of this.#staged?.data ?? []) value.fill(0)
    this.#staged = undefined
  }

  wipe(): void {
    this.drop()
    for (const { value } of this.#data) value.fill(0)
  }

  /** The request with its references replaced. Throws Faults. */
  resolved<R extends object>(request: R, placeholder: string | undefined): R {
    const named = (id: Identifier) => (typeof id === 'string' ? id : this.#identifier(id, placeholder))
    const fields = Object.entries(request as Readonly<Record<string, unknown>>).map(([field, value]) => {
      if (value === undefined) return [field, value]
      if (identifierFields.includes(field))
        return [field, Array.isArray(value) ? (value as Identifier[]).map(named) : named(value as Identifier)]
      const isReference = field === 'Data' && !(value instanceof Uint8Array)
      return [field, isReference ? this.#dataOf(value as Exclude<Data, Uint8Array>) : value]
    })
    return Object.fromEntries(fields) as R
  }

  #identifier(reference: Exclude<Identifier, string>, placeholder: string | undefined): string {
    if (typeof reference === 'number') return nth(this.#identifiers, reference, 'Unique Identifier')
    const name = reference.type === 'Enumeration' ? nameOf('UniqueIdentifier', reference.value) : undefined
    if (name === undefined)
      throw new Fault('InvalidField', 'Unique Identifier refers to nothing that is known')
    if (name === 'IDPlaceholder') return only(placeholder === undefined ? [] : [placeholder], name)
    const [operation, field] = referredBy(name)
    return only(
      latest(this.#identifiers, operation)
        .filter((one) => field === undefined || one.field === field)
        .map(({ value }) => value),
      name,
    )
  }

  #dataOf(reference: Exclude<Data, Uint8Array>): Uint8Array {
    if (typeof reference === 'number') return nth(this.#data, reference, 'Data')
    return only(
      latest(this.#data, dataOperations[reference]).map(({ value }) => value),
      reference,
    )
  }
}

const dataOperations: Readonly<Record<EnumName<'Data'>, OperationName>> = {
  Decrypt: 'Decrypt',
  Encrypt: 'Encrypt',
  Hash: 'Hash',
  MACMACData: 'MAC',
  RNGRetrieve: 'RNGRetrieve',
  SignSignatureData: 'Sign',
  SignatureVerify: 'SignatureVerify',
}

/** The operation, and the field of its response if there are two. */
function referredBy(
  name: Exclude<EnumName<'UniqueIdentifier'>, 'IDPlaceholder'>,
): readonly [OperationName, string?] {
  const half = /^(CreateKeyPair|ReKeyKeyPair)(PrivateKey|PublicKey)$/.exec(name)
  return half ? [half[1] as OperationName, `${half[2]}UniqueIdentifier`] : [name as OperationName]
}

/** The results of the most recent item of the operation. */
function latest<T>(returned: readonly Returned<T>[], operation: OperationName): readonly Returned<T>[] {
  const last = returned.findLast((one) => one.operation === operation)
  return returned.filter(({ item }) => item === last?.item)
}

/** From the first one, or backwards from the item that refers. */
function nth<T>(returned: readonly Returned<T>[], index: number, what: string): T {
  const found = returned.at(index)
  if (found) return found.value
  throw new Fault(
    'ObjectNotFound',
    `no earlier item of this batch returned the ${what} number ${String(index)}`,
  )
}

function only<T>(found: readonly T[], reference: string): T {
  const [one, ...others] = found
  if (one === undefined)
    throw new Fault('ObjectNotFound', `no earlier item of this batch returned what ${reference} refers to`)
  if (others.length > 0)
    throw new Fault('FeatureNotSupported', `${reference} refers to several: name one of them`)
  return one
}
