// Keeps the results of a batch's items. A later item may refer to one, by operation or by place in the answer, instead of naming
// an object or sending data (KMIP 2.1 §4.58, §7.9). Only 2.x has such references.

import { nameOf, type EnumName } from '../../wire/kmip/enums.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { OperationName, Request } from '../../wire/kmip/operations.ts'

type Identifier = NonNullable<Request<'Get'>['UniqueIdentifier']>
/** By the operation that returned the result. */
type Reference = Exclude<Identifier, string | number>
type Data = NonNullable<Request<'MAC'>['Data']>

interface Returned<T> {
  /** The number of items answered before. */
  readonly item: number
  readonly operation: OperationName
  readonly field: string
  readonly value: T
}

export const identifierFields: readonly string[] = [
  'UniqueIdentifier',
  'PrivateKeyUniqueIdentifier',
  'PublicKeyUniqueIdentifier',
]
const dataFields = ['Data', 'MACData', 'SignatureData']
/** The operations whose answers must have Data. */
const withData: ReadonlySet<OperationName> = new Set<OperationName>(['RNGRetrieve', 'Encapsulate'])

/** KMIP 2.1 §8.3, table 396: the answer to an Ephemeral item omits the operation's data. Later items of the batch may use the data. */
export function withoutData<R extends object>(response: R, operation: OperationName): R {
  const left = Object.entries(response).filter(([field]) => !dataFields.includes(field))
  return { ...Object.fromEntries(left), ...(withData.has(operation) && { Data: new Uint8Array(0) }) } as R
}

export class BatchResults {
  readonly #identifiers: Returned<string>[] = []
  readonly #data: Returned<Buffer>[] = []
  #items = 0
  /** The last item's results; its commit may still fail. */
  #staged: { readonly identifiers: Returned<string>[]; readonly data: Returned<Buffer>[] } | undefined

  /** Called with the answer of an item. `keep` follows after its commit. `isAgain`: the item is a repetition for another object. */
  stage(operation: OperationName, response: object, isAgain = false): void {
    this.drop()
    const item = isAgain ? this.#items - 1 : this.#items++
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

  /** Whether an item returned several identifiers, so that a later one may refer to all of them. */
  get hasSeveral(): boolean {
    return this.#identifiers.some(({ item }, index) => item === this.#identifiers[index - 1]?.item)
  }

  /**
   * KMIP 2.1 §11.58: the objects for which a request is repeated, if the field that names its object refers to several.
   * Undefined: it refers to at most one.
   */
  repeatedFor(request: object): readonly string[] | undefined {
    for (const [field, value] of Object.entries(request) as [string, unknown][]) {
      if (!identifierFields.includes(field) || value === undefined || Array.isArray(value)) continue
      if (typeof value === 'string' || typeof value === 'number') continue
      const identifiers = this.#referredTo(value as Reference)
      if (identifiers.length > 1) return identifiers
    }
    return undefined
  }

  /** The request with its references resolved. `meant`: the object of this repetition. Throws Faults. */
  resolved<R extends object>(request: R, placeholder: string | undefined, meant?: string): R {
    const named = (id: Identifier) =>
      typeof id === 'string' ? id : (meant ?? only(this.#all(id, placeholder), textOf(id)))
    const all = (id: Identifier) =>
      typeof id === 'string' ? [id] : some(this.#all(id, placeholder), textOf(id))
    const fields = Object.entries(request as Readonly<Record<string, unknown>>).map(([field, value]) => {
      if (value === undefined) return [field, value]
      if (identifierFields.includes(field))
        return [
          field,
          Array.isArray(value) ? (value as Identifier[]).flatMap(all) : named(value as Identifier),
        ]
      const isReference = field === 'Data' && !(value instanceof Uint8Array)
      return [field, isReference ? this.#dataOf(value as Exclude<Data, Uint8Array>) : value]
    })
    return Object.fromEntries(fields) as R
  }

  /** The identifiers behind a reference. Throws Faults. */
  #all(reference: Exclude<Identifier, string>, placeholder: string | undefined): readonly string[] {
    if (typeof reference === 'number') return [nth(this.#identifiers, reference, 'Unique Identifier')]
    if (nameOfReference(reference) === 'IDPlaceholder') return placeholder === undefined ? [] : [placeholder]
    return this.#referredTo(reference)
  }

  /** Throws Fault InvalidField for an invalid reference. The ID Placeholder does not refer to a result. */
  #referredTo(reference: Reference): readonly string[] {
    const name = nameOfReference(reference)
    if (name === 'IDPlaceholder') return []
    const [operation, field] = referredBy(name)
    return latest(this.#identifiers, operation)
      .filter((one) => field === undefined || one.field === field)
      .map(({ value }) => value)
  }

  #dataOf(reference: Exclude<Data, Uint8Array>): Uint8Array {
    if (typeof reference === 'number') return nth(this.#data, reference, 'Data')
    return only(
      latest(this.#data, dataOperations[reference]).map(({ value }) => value),
      reference,
    )
  }
}

/**
 * The request with its references resolved. `unresolved`: the Fault for a reference to nothing. Throw it only for a caller that
 * may request the operation: otherwise the refusal would reveal which Names exist.
 */
export function resolvedRequest<R extends object>(
  results: Pick<BatchResults, 'resolved'>,
  request: R,
  placeholder: string | undefined,
  meant: string | undefined,
): { readonly values: R; readonly unresolved?: Fault } {
  try {
    return { values: results.resolved(request, placeholder, meant) }
  } catch (error) {
    if (error instanceof Fault) return { values: request, unresolved: error }
    throw error
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

/** Throws Fault InvalidField. */
function nameOfReference(reference: Exclude<Identifier, string>): EnumName<'UniqueIdentifier'> {
  const isNamed = typeof reference !== 'number' && reference.type === 'Enumeration'
  const name = isNamed ? nameOf('UniqueIdentifier', reference.value) : undefined
  if (name !== undefined) return name
  if (typeof reference !== 'number' && reference.type === 'NameReference')
    throw new Fault('ObjectNotFound', 'no object has that Name')
  throw new Fault('InvalidField', 'Unique Identifier refers to nothing that is known')
}

function textOf(reference: Exclude<Identifier, string>): string {
  return typeof reference === 'number' ? 'the number of a Unique Identifier' : nameOfReference(reference)
}

/** The operation, and the field of its response if it has two. */
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

/** The item with this index: from the first item, or backwards from the referring item. */
function nth<T>(returned: readonly Returned<T>[], index: number, what: string): T {
  const item = returned.at(index)
  if (item) return item.value
  throw new Fault(
    'ObjectNotFound',
    `no earlier item of this batch returned the ${what} number ${String(index)}`,
  )
}

function some<T>(matches: readonly T[], reference: string): readonly T[] {
  if (matches.length > 0) return matches
  throw new Fault('ObjectNotFound', `no earlier item of this batch returned what ${reference} refers to`)
}

function only<T>(matches: readonly T[], reference: string): T {
  const [one, ...others] = some(matches, reference)
  if (one === undefined || others.length > 0)
    throw new Fault('FeatureNotSupported', `${reference} refers to several: name one of them`)
  return one
}
