// A check's conversation with the server in one version: requests in words that serve every version, refusals as values, and a
// list of what was made, which is destroyed at the end.

import { toWire2, referenceOf } from '../../wire/kmip/attributes2.ts'
import { findKey, fromWire1, wireName, type WireAttribute } from '../../wire/kmip/attributes.ts'
import type { IncomingResponse } from '../../wire/kmip/client-message.ts'
import { fromWire2 } from '../../wire/kmip/attributes2.ts'
import type { OperationName, Request, Response } from '../../wire/kmip/operations.ts'
import { decodeResponsePayload, encodeRequestPayload } from '../../wire/kmip/payload.ts'
import { atLeast, type Version } from '../../wire/kmip/version.ts'
import type { EnumName } from '../../wire/kmip/enums.ts'
import { KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { TtlvError } from '../../wire/ttlv/error.ts'
import type { ClientExchange } from './exchange.ts'

/** The server did something else than the specification says. The message says what. */
export class Differs extends Error {
  override readonly name = 'Differs'
}

/** The server does not do the operation. */
export class NotSupported extends Error {
  override readonly name = 'NotSupported'
}

/** One batch item's end. */
export interface CheckOutcome {
  readonly status: EnumName<'ResultStatus'>
  readonly reason: string | undefined
  readonly message: string | undefined
  readonly payload: unknown
}

export type Values = Readonly<Record<string, unknown>>
type Item = readonly [operation: OperationName, request: object]

const unsupported = new Set(['OperationNotSupported', 'FeatureNotSupported'])

export class CheckSession {
  readonly version: Version
  readonly #exchange: ClientExchange
  /** Newest last. */
  readonly #made: string[] = []
  /** A part of the names that the check gives, so that no two runs meet. */
  readonly #word: string

  constructor(exchange: ClientExchange, version: Version, word: string) {
    this.#exchange = exchange
    this.version = version
    this.#word = word
  }

  get is2x(): boolean {
    return atLeast(this.version, '2.0')
  }

  name(which = 'object'): { readonly NameValue: string; readonly NameType: 'UninterpretedTextString' } {
    return { NameValue: `${this.#word} ${which}`, NameType: 'UninterpretedTextString' }
  }

  async batch(
    items: readonly Item[],
    option: 'Stop' | 'Continue' | 'Undo' = 'Stop',
  ): Promise<readonly CheckOutcome[]> {
    const response = await this.#exchange.send({
      version: this.version,
      ...(items.length > 1 && { batchErrorContinuationOption: option, batchOrderOption: true }),
      items: items.map(([operation, request], index) => ({
        operation,
        payload: encodeRequestPayload(operation, request as never, this.version),
        ...(items.length > 1 && { uniqueBatchItemId: Buffer.of(index + 1) }),
      })),
    })
    // Some servers answer what they cannot read in another version. That is a refusal first of all.
    const isOther = response.version !== this.version
    if (isOther && response.items.some(({ status }) => status === 'Success'))
      throw new Differs(`the answer is in KMIP ${response.version}, the request in ${this.version}`)
    return response.items.map((item, index) => this.#outcomeOf(item, items[index]?.[0], response))
  }

  #outcomeOf(
    { status, reason, message, payload }: IncomingResponse['items'][number],
    operation: OperationName | undefined,
    response: IncomingResponse,
  ): CheckOutcome {
    if (!operation || payload === undefined || status !== 'Success')
      return { status, reason, message, payload: undefined }
    try {
      const answer: object = decodeResponsePayload(operation, payload, response)
      if (makers.has(operation)) this.#note(answer)
      return { status, reason, message, payload: answer }
    } catch (error) {
      if (error instanceof TtlvError)
        throw new Differs(`the answer to ${operation} cannot be read: ${error.message}`)
      throw error
    }
  }

  #note(answer: object): void {
    for (const [field, value] of Object.entries(answer))
      if (field.endsWith('UniqueIdentifier')) this.#made.push(...[value].flat().map(String))
  }

  async outcome(operation: OperationName, request: object): Promise<CheckOutcome> {
    const [first] = await this.batch([[operation, request]])
    if (!first) throw new Differs(`the answer to ${operation} has no batch item`)
    if (first.status === 'OperationFailed' && unsupported.has(first.reason ?? ''))
      throw new NotSupported(`${operation}: ${first.reason}`)
    return first
  }

  /** Must succeed. */
  async ask<N extends OperationName>(
    operation: N,
    request: Partial<Request<N>> | object,
  ): Promise<Response<N>> {
    const answer = await this.outcome(operation, request)
    if (answer.status !== 'Success')
      throw new Differs(
        `${operation} is refused: ${answer.reason ?? answer.status}${answer.message === undefined ? '' : ` (${answer.message})`}`,
      )
    if (answer.payload === undefined) throw new Differs(`${operation} succeeds without a payload`)
    return answer.payload as Response<N>
  }

  /** Must fail with one of these reasons. */
  async refused(operation: OperationName, request: object, reasons: readonly string[]): Promise<void> {
    const { status, reason } = await this.outcome(operation, request)
    if (status === 'Success') throw new Differs(`${operation} succeeds, and ${reasons.join(' or ')} is right`)
    if (!reasons.includes(reason ?? ''))
      throw new Differs(`${operation} is ${reason}, and ${reasons.join(' or ')} is right`)
  }

  // ---------------------------------------------------------------- Attributes

  /** The attributes of a new object, as the version has them. */
  template(values: Values): object {
    return this.is2x
      ? { Attributes: this.tagged(values) }
      : { TemplateAttribute: { Name: [], Attribute: named(values) } }
  }

  tagged(values: Values) {
    return toWire2(
      new Map(Object.entries(values).map(([key, value]) => [key, [{ index: 0, value }]])),
      this.version,
    )
  }

  /** For Add and Modify Attribute. */
  one(values: Values): object {
    return this.is2x ? { NewAttribute: this.tagged(values) } : { Attribute: named(values)[0] }
  }

  described(values: Values): object {
    if (!this.is2x) return { Attribute: named(values) }
    return {
      Attributes: {
        Attribute: [],
        ...Object.fromEntries(Object.entries(values).map(([key, value]) => [key, [value]])),
      },
    }
  }

  /** The first value of each attribute that the object has of these. */
  async attributes(UniqueIdentifier: string, ...keys: string[]): Promise<Values> {
    const request = this.is2x
      ? { UniqueIdentifier, AttributeName: [], AttributeReference: keys.map(referenceOf) }
      : { UniqueIdentifier, AttributeName: keys.map(wireName), AttributeReference: [] }
    const { Attribute, Attributes } = await this.ask('GetAttributes', request)
    const all = Attributes
      ? fromWire2(Attributes, this.version)
      : (Attribute ?? []).map((one) => this.#read(one))
    return Object.fromEntries(all.toReversed().map(({ key, value }) => [key, value]))
  }

  #read(attribute: WireAttribute): { readonly key: string; readonly value: unknown } {
    if (findKey(attribute.AttributeName) === undefined)
      return { key: attribute.AttributeName, value: undefined }
    return fromWire1(attribute, this.version)
  }

  async state(UniqueIdentifier: string): Promise<unknown> {
    return (await this.attributes(UniqueIdentifier, 'State'))['State']
  }

  /** An AES key that encrypts and decrypts; its identifier. */
  async key(more: Values = {}): Promise<string> {
    const values = {
      CryptographicAlgorithm: 'AES',
      CryptographicLength: 256,
      CryptographicUsageMask: 12,
      ...more,
    }
    return (await this.ask('Create', { ObjectType: 'SymmetricKey', ...this.template(values) }))
      .UniqueIdentifier
  }

  // ---------------------------------------------------------------- Afterwards

  /** The identifiers of what was made, for a server that is gone. */
  abandon(): readonly string[] {
    return this.#made.splice(0)
  }

  /**
   * Destroys what was made, as far as it can. Returns what is left. It opens a connection that ends meanwhile once more. It asks a
   * server that does not answer for nothing else.
   */
  async cleanUp(): Promise<readonly string[]> {
    const left: string[] = []
    const all = this.#made.splice(0).toReversed()
    for (const [index, UniqueIdentifier] of all.entries()) {
      try {
        const again = () => this.#destroyed(UniqueIdentifier)
        if (!(await again().catch(again))) left.push(UniqueIdentifier)
      } catch (error) {
        if (error instanceof KmipTransportError && error.code === 'TIMEOUT')
          return [...left, ...all.slice(index)]
        left.push(UniqueIdentifier)
      }
    }
    return left
  }

  async #destroyed(UniqueIdentifier: string): Promise<boolean> {
    const gone = new Set(['ItemNotFound', 'ObjectNotFound', 'ObjectDestroyed'])
    const destroy = async () => {
      const [answer] = await this.batch([['Destroy', { UniqueIdentifier }]])
      return answer?.status === 'Success' || gone.has(answer?.reason ?? '')
    }
    if (await destroy()) return true
    const [recovered] = await this.batch([['Recover', { UniqueIdentifier }]])
    if (recovered?.status === 'Success' && (await destroy())) return true
    await this.batch([
      ['Revoke', { UniqueIdentifier, RevocationReason: { RevocationReasonCode: 'CessationOfOperation' } }],
    ])
    if (await destroy()) return true
    // The state tells whether it is destroyed already.
    return /Destroyed/.test(String(await this.state(UniqueIdentifier).catch(() => '')))
  }
}

const makers: ReadonlySet<OperationName> = new Set<OperationName>([
  'Create',
  'CreateKeyPair',
  'CreateSplitKey',
  'DeriveKey',
  'Import',
  'JoinSplitKey',
  'ReKey',
  'ReKeyKeyPair',
  'Register',
])

function named(values: Values): WireAttribute[] {
  return Object.entries(values).map(([key, AttributeValue]) => ({
    AttributeName: wireName(key),
    AttributeValue,
  }))
}

/** Throws Differs. */
export function require(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Differs(otherwise)
}
