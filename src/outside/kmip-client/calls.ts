// The usual requests to a KMIP server, one function each. For any other operation call `request` of the Requester.

import { randomUUID } from 'node:crypto'
import { enums, maskOf } from '../../wire/kmip/enums.ts'
import type { EnumName, MaskName } from '../../wire/kmip/enums.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import { KmipRefused } from './errors.ts'
import type { Requester } from './session.ts'

/** The versions that the server lists, usually newest first: `1.4`. */
export async function versionsOf(server: Requester): Promise<readonly string[]> {
  const { ProtocolVersion } = await server.request('DiscoverVersions', { ProtocolVersion: [] })
  return ProtocolVersion.map(
    ({ ProtocolVersionMajor: major, ProtocolVersionMinor: minor }) => `${major}.${minor}`,
  )
}

export interface NewKey {
  /** In bits. Default: 256. */
  readonly length?: number
  readonly usage?: readonly MaskName<'CryptographicUsageMask'>[]
  readonly name?: string
}

/** Creates an AES key at the server. Returns its Unique Identifier. */
export async function createKey(server: Requester, key: NewKey = {}): Promise<string> {
  const { length = 256, usage = ['Encrypt', 'Decrypt'], name } = key
  const Attribute = [
    { AttributeName: 'Cryptographic Algorithm', AttributeValue: 'AES' },
    { AttributeName: 'Cryptographic Usage Mask', AttributeValue: maskOf('CryptographicUsageMask', usage) },
    { AttributeName: 'Cryptographic Length', AttributeValue: length },
    ...(name === undefined
      ? []
      : [
          {
            AttributeName: 'Name',
            AttributeValue: { NameValue: name, NameType: 'UninterpretedTextString' },
          },
        ]),
  ]
  const { UniqueIdentifier } = await server.request('Create', {
    ObjectType: 'SymmetricKey',
    TemplateAttribute: { Name: [], Attribute },
  })
  return UniqueIdentifier
}

/**
 * Finds out whether this client may end keys, before a caller makes a key that it must destroy again. Sends each of the operations with an
 * identifier that no object has. Returns the server's refusal if it is Permission Denied; undefined if the client may do the operations.
 */
export async function endingRefusal(
  server: Requester,
  operations: readonly ('Revoke' | 'Destroy')[],
): Promise<KmipRefused | undefined> {
  const RevocationReason = { RevocationReasonCode: 'CessationOfOperation' } as const
  for (const operation of operations) {
    const UniqueIdentifier = randomUUID()
    const payload = operation === 'Revoke' ? { UniqueIdentifier, RevocationReason } : { UniqueIdentifier }
    try {
      await server.request(operation, payload)
    } catch (error) {
      if (!(error instanceof KmipRefused)) throw error
      if (error.reason === 'PermissionDenied') return error
    }
  }
  return undefined
}

export interface FetchedKey {
  readonly algorithm: EnumName<'CryptographicAlgorithm'> | undefined
  /** Bits. */
  readonly length: number | undefined
  /** A copy, which the caller must wipe. */
  readonly material: Buffer
}

/** A symmetric key in the clear. TypeError for an object of another kind or format. */
export async function getKey(server: Requester, UniqueIdentifier: string): Promise<FetchedKey> {
  const { SymmetricKey } = await server.request('Get', { UniqueIdentifier })
  const block = SymmetricKey?.KeyBlock
  const value = block?.KeyValue
  if (block === undefined || value === undefined || value instanceof Uint8Array)
    throw new TypeError(`${UniqueIdentifier} is not a symmetric key in the clear`)
  const material = value.KeyMaterial instanceof Uint8Array ? value.KeyMaterial : keyOf(value.KeyMaterial)
  if (!material) throw new TypeError(`${UniqueIdentifier} has its key material in another format`)
  return {
    algorithm: block.CryptographicAlgorithm,
    length: block.CryptographicLength,
    material: Buffer.from(material),
  }
}

function keyOf(transparent: object): Uint8Array | undefined {
  return 'Key' in transparent && transparent.Key instanceof Uint8Array ? transparent.Key : undefined
}

/** The State of the object. Undefined if the answer has none, or one that KMIP does not know. */
export async function askState(
  server: Requester,
  UniqueIdentifier: string,
): Promise<EnumName<'State'> | undefined> {
  const { Attribute } = await server.request('GetAttributes', { UniqueIdentifier, AttributeName: ['State'] })
  const value = Attribute?.find(({ AttributeName }) => AttributeName === 'State')?.AttributeValue
  return typeof value === 'string' && Object.hasOwn(enums.State, value)
    ? (value as EnumName<'State'>)
    : undefined
}

/**
 * The identifiers of all objects with these attributes. Reads them page by page if the version supports it (since 1.3); otherwise returns
 * the identifiers that the server returns at once.
 */
export async function locateAll(
  server: Requester,
  Attribute: NonNullable<Request<'Locate'>['Attribute']> = [],
  pageItems = 1_000,
): Promise<readonly string[]> {
  if (!atLeast(server.version, '1.3')) return (await server.request('Locate', { Attribute })).UniqueIdentifier
  const identifiers = new Set<string>()
  for (let offset = 0; ;) {
    const page = await server.request('Locate', {
      MaximumItems: pageItems,
      OffsetItems: offset,
      Attribute,
    })
    const before = identifiers.size
    for (const identifier of page.UniqueIdentifier) identifiers.add(identifier)
    offset += page.UniqueIdentifier.length
    // A server that ignores the offset returns the same page forever.
    if (page.UniqueIdentifier.length < pageItems || identifiers.size === before) return [...identifiers]
  }
}
