// A KMIP client for tests, made from the server's own tables: typed requests in, typed answers out, one connection.
// What every answer must have (its version, what it echoes, nothing that its version lacks) is held against each one.

import assert from 'node:assert/strict'
import {
  decodeResponse,
  encodeRequest,
  type OutgoingItem,
  type OutgoingRequest,
} from '../../../src/wire/kmip/client-message.ts'
import { codeOf } from '../../../src/wire/kmip/enums.ts'
import type { ResultReasonName } from '../../../src/wire/kmip/fault.ts'
import type { KeyBlock } from '../../../src/wire/kmip/objects.ts'
import type { OperationName, Request, Response } from '../../../src/wire/kmip/operations.ts'
import { decodeResponsePayload, encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import type { Version } from '../../../src/wire/kmip/version.ts'
import type { TestIdentity } from '../certificates/certificates.ts'
import { readAs } from './said-in-version.ts'
import { connectClient, type TlsClient } from './tls-client.ts'

/** Those whose requests have Template-Attributes. */
export const served = ['1.0', '1.1', '1.2', '1.3', '1.4'] as const satisfies readonly Version[]

/** Those whose requests have Attributes. */
export const newer = ['2.0', '2.1', '3.0'] as const satisfies readonly Version[]

/** One batch item. */
export type Asked = {
  [N in OperationName]: { readonly operation: N; readonly request: Request<N> }
}[OperationName] & {
  readonly id?: Uint8Array
  readonly extensions?: OutgoingItem['extensions']
  readonly ephemeral?: OutgoingItem['ephemeral']
}

export interface Told {
  readonly operation: OperationName
  readonly id: Uint8Array | undefined
  readonly status: 'Success' | 'OperationFailed' | 'OperationPending' | 'OperationUndone'
  readonly reason: ResultReasonName | undefined
  readonly message: string | undefined
  readonly payload: unknown
}

export type Header = Partial<Omit<OutgoingRequest, 'version' | 'items'>>

export async function openSession(port: number, identity?: Pick<TestIdentity, 'tls'>): Promise<KmipSession> {
  return new KmipSession(await connectClient({ port, ...identity?.tls }))
}

const only1_4 = { ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 4 }] }

/** One call as Rook and ceph-csi make it: a connection of its own, on which Discover Versions {1.4} must answer just that. */
export async function freshCall<T>(
  port: number,
  identity: TestIdentity,
  work: (session: KmipSession) => Promise<T>,
): Promise<T> {
  using session = await openSession(port, identity)
  assert.deepEqual(await session.ask('1.4', 'DiscoverVersions', only1_4), only1_4)
  return await work(session)
}

export class KmipSession implements Disposable {
  readonly client: TlsClient

  constructor(client: TlsClient) {
    this.client = client
  }

  [Symbol.dispose](): void {
    this.client.close()
  }

  /** Bytes out, the next message in. */
  async exchange(bytes: Uint8Array): Promise<Buffer> {
    const answer = await this.client.ask(bytes)
    assert.ok(answer, 'the connection ended before the answer')
    return answer
  }

  /** A batch. The answers echo what they answer, and there may be fewer of them. */
  async send(version: Version, asked: readonly Asked[], header: Header = {}): Promise<Told[]> {
    const items = asked.map(({ operation, request, id, extensions, ephemeral }) => ({
      operation,
      payload: encodeRequestPayload(operation, request, version),
      ...(id && { uniqueBatchItemId: id }),
      ...(extensions && { extensions }),
      ...(ephemeral !== undefined && { ephemeral }),
    }))
    const bytes = await this.exchange(encodeRequest({ ...header, version, items }))
    readAs(version, bytes)
    const response = decodeResponse(bytes)
    assert.ok(Math.abs(Number(response.timeStamp) * 1000 - Date.now()) < 60_000, 'Time Stamp is now')
    return response.items.map((item, index): Told => {
      const about = asked[index]
      assert.ok(about, 'no more answers than requests')
      assert.equal(item.operationCode, codeOf('Operation', about.operation), 'Operation is echoed')
      assert.deepEqual(
        item.uniqueBatchItemId && Buffer.from(item.uniqueBatchItemId),
        about.id && Buffer.from(about.id),
      )
      const { status, reason, message, payload } = item
      assert.equal(
        reason !== undefined,
        status === 'OperationFailed',
        'a reason where it failed, and only there',
      )
      assert.equal(
        payload !== undefined,
        status === 'Success',
        'a payload where it succeeded, and only there',
      )
      return {
        operation: about.operation,
        id: item.uniqueBatchItemId,
        status,
        reason,
        message,
        payload: payload && decodeResponsePayload(about.operation, payload, response),
      }
    })
  }

  async one(version: Version, asked: Asked, header: Header = {}): Promise<Told> {
    const [told, ...more] = await this.send(version, [asked], header)
    assert.ok(told && more.length === 0)
    return told
  }

  /** Must succeed. */
  async ask<N extends OperationName>(
    version: Version,
    operation: N,
    request: Request<N>,
  ): Promise<Response<N>> {
    const told = await this.one(version, { operation, request } as unknown as Asked)
    assert.equal(told.status, 'Success', `${operation}: ${told.reason}: ${told.message}`)
    return told.payload as Response<N>
  }

  /** Must be refused; the reason, as this version says it. */
  async refused<N extends OperationName>(
    version: Version,
    operation: N,
    request: Request<N>,
  ): Promise<ResultReasonName | undefined> {
    const told = await this.one(version, { operation, request } as unknown as Asked)
    assert.equal(told.status, 'OperationFailed', `${operation} should be refused`)
    assert.ok(told.message, 'a refusal says why')
    return told.reason
  }

  /** Must be pending for a client that allows it; its correlation value. */
  async pending(version: Version, { operation, request }: Asked): Promise<Uint8Array> {
    const items = [{ operation, payload: encodeRequestPayload(operation, request, version) }]
    const bytes = await this.exchange(encodeRequest({ version, asynchronousIndicator: 'Optional', items }))
    const [item] = decodeResponse(bytes).items
    assert.equal(item?.status, 'OperationPending')
    return item.asynchronousCorrelationValue ?? assert.fail('no correlation value')
  }

  /** The answer of the operation that was pending; it must have succeeded. */
  async polled<N extends OperationName>(
    version: Version,
    operation: N,
    request: Request<'Poll'>,
  ): Promise<Response<N>> {
    const items = [{ operation: 'Poll', payload: encodeRequestPayload('Poll', request, version) }] as const
    const response = decodeResponse(await this.exchange(encodeRequest({ version, items })))
    const [item] = response.items
    assert.equal(item?.operationCode, codeOf('Operation', operation))
    assert.equal(item?.status, 'Success', item?.message)
    return decodeResponsePayload(operation, item?.payload ?? Buffer.of(), response)
  }

  /** An AES-256 key as vCenter asks for it, with more attributes; its Unique Identifier. */
  async key(version: Version, more: readonly WireAttribute[] = []): Promise<string> {
    return (await this.ask(version, 'Create', aes(more))).UniqueIdentifier
  }

  /** The values of one attribute, in order of index. */
  async values(version: Version, UniqueIdentifier: string, name: string): Promise<readonly unknown[]> {
    const { Attribute } = await this.ask(version, 'GetAttributes', attributesOf(UniqueIdentifier, name))
    return Attribute?.map(({ AttributeValue }) => AttributeValue) ?? []
  }
}

export interface WireAttribute {
  readonly AttributeName: string
  readonly AttributeIndex?: number
  readonly AttributeValue: unknown
}

export function attribute(
  AttributeName: string,
  AttributeValue: unknown,
  AttributeIndex?: number,
): WireAttribute {
  return { AttributeName, AttributeValue, ...(AttributeIndex !== undefined && { AttributeIndex }) }
}

export function nameAttribute(NameValue: string): WireAttribute {
  return attribute('Name', { NameValue, NameType: 'UninterpretedTextString' })
}

export function text(AttributeName: string, value: string): WireAttribute {
  return attribute(AttributeName, { type: 'TextString', value })
}

export function template(Attribute: readonly WireAttribute[]): Pick<Request<'Create'>, 'TemplateAttribute'> {
  return { TemplateAttribute: { Name: [], Attribute } }
}

export const aes256: readonly WireAttribute[] = [
  attribute('Cryptographic Algorithm', 'AES'),
  attribute('Cryptographic Usage Mask', 12),
  attribute('Cryptographic Length', 256),
]

export function aes(more: readonly WireAttribute[] = []): Request<'Create'> {
  return { ObjectType: 'SymmetricKey', ...template([...aes256, ...more]) }
}

/** A pair of RSA-2048 as clients ask for it: a Name and a mask for each half. */
export function rsaPair(own: [name: string, mask: number], open: [name: string, mask: number]) {
  const half = ([name, mask]: [string, number]) =>
    template([nameAttribute(name), attribute('Cryptographic Usage Mask', mask)]).TemplateAttribute
  const common = [attribute('Cryptographic Algorithm', 'RSA'), attribute('Cryptographic Length', 2048)]
  return {
    CommonTemplateAttribute: template(common).TemplateAttribute,
    PrivateKeyTemplateAttribute: half(own),
    PublicKeyTemplateAttribute: half(open),
  } satisfies Request<'CreateKeyPair'>
}

/** The bytes of a key that is not wrapped. Nothing may stand beside them, since some readers know nothing else there. */
export function materialOf(block: KeyBlock | undefined): Buffer {
  const value = block?.KeyValue
  assert.ok(value && 'KeyMaterial' in value && value.KeyMaterial instanceof Uint8Array)
  assert.equal(value.Attribute?.length ?? 0, 0, 'no attributes inside Key Value')
  return Buffer.from(value.KeyMaterial)
}

export function attributesOf(
  UniqueIdentifier: string | undefined,
  ...names: string[]
): Request<'GetAttributes'> {
  return { UniqueIdentifier, AttributeName: names, AttributeReference: [] }
}

/** What Locate asks; `more` has Maximum Items and its like. */
export function locate(
  wanted: readonly WireAttribute[],
  more: Partial<Request<'Locate'>> = {},
): Request<'Locate'> {
  return { Attribute: wanted, ...more }
}

export function batch(...asked: Asked[]): Asked[] {
  return asked.map((one, index) => ({ id: Buffer.from([0x51, index]), ...one }))
}
