// A plain KMIP client for tests: one TLS connection, one request after the other, in the server's own words but with
// none of its code. Refusals of the server are values, not exceptions; a lost connection is a LostConnection.

import { createHash } from 'node:crypto'
import { connectClient, type TlsClient } from './tls-client.ts'
import {
  all,
  bytesOf,
  enumeration,
  find,
  integer,
  numberOf,
  operations,
  read,
  struct,
  text,
  textOf,
  write,
  type Item,
} from './wire.ts'

export class LostConnection extends Error {
  override readonly name = 'LostConnection'
}

export interface TalkOptions {
  readonly port: number
  readonly host?: string
  readonly from?: string
  /** Sent before TLS begins. */
  readonly before?: Uint8Array
  readonly tls: { readonly cert: string; readonly key: string }
}

/** The answer to one batch item. */
export interface Answer {
  readonly ok: boolean
  /** Result reason's number; undefined on success. */
  readonly reason: number | undefined
  readonly message: string | undefined
  readonly payload: Item | undefined
}

export const states = { PreActive: 1, Active: 2, Deactivated: 3, Compromised: 4, Destroyed: 5 } as const
export const reasons = {
  ItemNotFound: 1,
  AuthenticationNotSuccessful: 3,
  IllegalOperation: 11,
  PermissionDenied: 12,
} as const

export async function openTalk(options: TalkOptions): Promise<KmipTalk> {
  const { tls, ...address } = options
  return new KmipTalk(await connectClient({ ...address, cert: tls.cert, key: tls.key }))
}

export class KmipTalk {
  readonly #client: TlsClient
  readonly #minor: number

  /** Speaks KMIP 1.`minor`. */
  constructor(client: TlsClient, minor = 4) {
    this.#client = client
    this.#minor = minor
  }

  close(): void {
    this.#client.close()
  }

  /** Sends bytes, gives the answer's; throws LostConnection. */
  async exchange(request: Buffer): Promise<Buffer> {
    const answer = await this.#client.ask(request)
    if (!answer) throw new LostConnection('the connection ended before the answer')
    return answer
  }

  async ask(operation: number, ...payload: (Item | undefined)[]): Promise<Answer> {
    const message = read(await this.exchange(requestBytes(this.#minor, operation, ...payload)))
    const item = find(message, 'BatchItem')
    const status = numberOf(find(item, 'ResultStatus'))
    if (status === undefined) throw new Error('an answer without Result Status')
    return {
      ok: status === 0,
      reason: numberOf(find(item, 'ResultReason')),
      message: textOf(find(item, 'ResultMessage')),
      payload: find(item, 'ResponsePayload'),
    }
  }

  /** An AES-256 key as vCenter asks for it, with these attributes too; its Unique Identifier. */
  async create(...attributes: readonly Item[]): Promise<string> {
    const answer = await this.ask(operations.Create, ...newKey(...attributes))
    const identifier = textOf(find(answer.payload, 'UniqueIdentifier'))
    if (!answer.ok || identifier === undefined) throw new Error(`Create was refused: ${answer.message}`)
    return identifier
  }

  get(identifier: string): Promise<Answer> {
    return this.ask(operations.Get, text('UniqueIdentifier', identifier))
  }

  activate(identifier: string): Promise<Answer> {
    return this.ask(operations.Activate, text('UniqueIdentifier', identifier))
  }

  destroy(identifier: string): Promise<Answer> {
    return this.ask(operations.Destroy, text('UniqueIdentifier', identifier))
  }

  /** With reason Cessation of Operation. */
  revoke(identifier: string): Promise<Answer> {
    return this.ask(
      operations.Revoke,
      text('UniqueIdentifier', identifier),
      struct('RevocationReason', enumeration('RevocationReasonCode', 6)),
    )
  }

  /** The answer to a Get Attributes of State alone; `stateOf` reads it. */
  askState(identifier: string): Promise<Answer> {
    return this.ask(
      operations.GetAttributes,
      text('UniqueIdentifier', identifier),
      text('AttributeName', 'State'),
    )
  }

  /** The State's number; undefined when the object is not found. */
  async state(identifier: string): Promise<number | undefined> {
    const answer = await this.askState(identifier)
    return answer.ok ? numberOf(find(answer.payload, 'Attribute', 'AttributeValue')) : undefined
  }

  addAttribute(identifier: string, name: string, value: string): Promise<Answer> {
    return this.ask(
      operations.AddAttribute,
      text('UniqueIdentifier', identifier),
      attribute(name, text('AttributeValue', value)),
    )
  }

  attributes(identifier: string): Promise<Answer> {
    return this.ask(operations.GetAttributes, text('UniqueIdentifier', identifier))
  }

  /** Identifiers of all objects that are not destroyed, newest first, page by page. */
  async locateAll(): Promise<string[]> {
    const found: string[] = []
    const page = 1_000
    for (;;) {
      const answer = await this.ask(
        operations.Locate,
        integer('MaximumItems', page),
        integer('OffsetItems', found.length),
      )
      if (!answer.ok) throw new Error(`Locate was refused: ${answer.message}`)
      const identifiers = all(answer.payload, 'UniqueIdentifier').map((item) => textOf(item) ?? '')
      found.push(...identifiers)
      if (identifiers.length < page) return found
    }
  }
}

/** One message with one request. */
export function requestBytes(
  minor: number,
  operation: number,
  ...payload: readonly (Item | undefined)[]
): Buffer {
  return write(
    struct(
      'RequestMessage',
      struct('RequestHeader', version(minor), integer('BatchCount', 1)),
      struct('BatchItem', enumeration('Operation', operation), struct('RequestPayload', ...payload)),
    ),
  )
}

/** The payload of a Create for an AES-256 key as vCenter asks for it, with these attributes too. */
export function newKey(...attributes: readonly Item[]): readonly Item[] {
  return [
    enumeration('ObjectType', 2),
    struct(
      'TemplateAttribute',
      attribute('Cryptographic Algorithm', enumeration('AttributeValue', 3)),
      attribute('Cryptographic Usage Mask', integer('AttributeValue', 12)),
      attribute('Cryptographic Length', integer('AttributeValue', 256)),
      ...attributes,
    ),
  ]
}

/** SHA-256 of the raw key in the answer to a Get; undefined where there is none. */
export function digestOf(answer: Answer): string | undefined {
  const material = bytesOf(find(answer.payload, 'SymmetricKey', 'KeyBlock', 'KeyValue', 'KeyMaterial'))
  return material && createHash('sha256').update(material).digest('hex')
}

/** The name of the State in the answer to `askState`. */
export function stateOf(answer: Answer): keyof typeof states | undefined {
  const number = numberOf(find(answer.payload, 'Attribute', 'AttributeValue'))
  const name = Object.entries(states).find(([, value]) => value === number)?.[0]
  return name as keyof typeof states | undefined
}

/** The names of the custom attributes in the answer to `attributes`. */
export function customAttributesOf(answer: Answer): string[] {
  return all(answer.payload, 'Attribute')
    .map((item) => textOf(find(item, 'AttributeName')) ?? '')
    .filter((name) => name.startsWith('x-'))
}

export function attribute(name: string, value: Item): Item {
  return struct('Attribute', text('AttributeName', name), value)
}

function version(minor: number): Item {
  return struct('ProtocolVersion', integer('ProtocolVersionMajor', 1), integer('ProtocolVersionMinor', minor))
}
