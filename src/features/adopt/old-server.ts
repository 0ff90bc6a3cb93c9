// The server that keys are adopted from, as a client that only reads. `OldServer` is the only way from this room to it, and
// it sends no other operations than those of `reading`. It speaks the highest version of KMIP 1.x that both know.

import { connectKmip, type ClientOptions, type KmipClient } from '../../outside/kmip-client/client.ts'
import { parseAddress, type Address } from '../../base/kmip-address.ts'
import { withoutLogin } from '../../base/text/without-login.ts'
import { versionsOf } from '../../outside/kmip-client/calls.ts'
import { isUnreadable, KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import type { ClientVersion, ItemOutcome } from '../../outside/kmip-client/session.ts'
import { existsIn, wireName } from '../../wire/kmip/attributes.ts'
import type { OperationName, Request, Response } from '../../wire/kmip/operations.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import { adoptIdentifiersMax } from './bounds.ts'
import { AdoptionFailed } from './failure.ts'

/** Identifiers that a Locate asks for at a time. */
const adoptPageItems = 1_000
/** How often all pages are read, at most, until a list has nothing that those before it lacked. */
const adoptListsMax = 5
/** The texts of all identifiers of one adoption, which are held in memory. */
export const adoptIdentifiersBytesMax = 64 * 1024 * 1024

/** Adoption may send these operations. None of them changes anything. */
export const reading = [
  'DiscoverVersions',
  'Locate',
  'Get',
  'GetAttributes',
  'GetAttributeList',
] as const satisfies readonly OperationName[]
export type Reading = (typeof reading)[number]

export type OldServerOptions = Pick<
  ClientOptions,
  'addresses' | 'cert' | 'key' | 'trust' | 'timeouts' | 'restMs'
> & {
  /** How many requests run at once. Default: 1. */
  readonly connectionsMax?: number
}

/** The server that keys are adopted from, as it is given. */
export interface OldServerRequest extends Pick<OldServerOptions, 'cert' | 'key' | 'trust'> {
  /** HOST or HOST:PORT. All of them serve the same keys. */
  readonly servers: readonly string[]
}

/** Throws AdoptionFailed. */
export function addressOf(text: string): Address {
  const address = parseAddress(text)
  if (!address)
    throw new AdoptionFailed(
      'options',
      `an address is HOST or HOST:PORT, not ${withoutLogin(text)}`,
      undefined,
    )
  return address
}

const versions = ['1.4', '1.3', '1.2', '1.1', '1.0'] as const satisfies readonly ClientVersion[]

/** Rejects with KmipRefused, KmipTransportError and TlsOptionsError. */
export async function openOldServer(options: OldServerOptions): Promise<OldServer> {
  const settings = { restMs: 0, ...options }
  const first = new OldServer(connectKmip({ ...settings, version: '1.4' }), settings.addresses)
  try {
    const version = await first.newestVersion()
    if (version === '1.4') return first
    await first.close()
    return new OldServer(connectKmip({ ...settings, version }), settings.addresses)
  } catch (error) {
    await first.close()
    throw error
  }
}

export type WireAttributes = NonNullable<Response<'GetAttributes'>['Attribute']>

export class OldServer {
  readonly version: ClientVersion
  readonly #client: KmipClient
  /** For errors. */
  readonly #address: Address

  constructor(client: KmipClient, [address]: readonly Address[]) {
    if (!address) throw new TypeError('at least one address is needed')
    this.#address = address
    this.version = client.version
    this.#client = client
  }

  /** The highest version that both know. A server of KMIP 1.0 does not know the question. */
  async newestVersion(): Promise<ClientVersion> {
    try {
      const listed = await versionsOf(this.#client)
      return versions.find((version) => listed.includes(version)) ?? '1.0'
    } catch (error) {
      if (!(error instanceof KmipRefused) || isAboutAccess(error)) throw error
      return '1.0'
    }
  }

  /**
   * The identifiers of all objects that the server shows. Page by page if the version supports it (since 1.3), with however
   * few the server puts on a page. A server that refuses a search without attributes is asked for each kind of object.
   */
  async locate(): Promise<readonly string[]> {
    try {
      return await this.#locateAll()
    } catch (error) {
      throw isUnreadable(error) ? unreadableList(error) : error
    }
  }

  async #locateAll(): Promise<readonly string[]> {
    try {
      return await this.#locate([])
    } catch (error) {
      if (!(error instanceof KmipRefused) || isAboutAccess(error)) throw error
      return this.#locateByKind()
    }
  }

  /** A server may refuse a kind that it does not know, but not all of them. */
  async #locateByKind(): Promise<readonly string[]> {
    const identifiers = new Set<string>()
    let refused: KmipRefused | undefined
    let answered = false
    for (const kind of kinds)
      try {
        for (const identifier of await this.#locate([{ AttributeName: 'Object Type', AttributeValue: kind }]))
          identifiers.add(identifier)
        answered = true
      } catch (error) {
        if (!(error instanceof KmipRefused) || isAboutAccess(error)) throw error
        refused = error
      }
    if (refused && !answered) throw refused
    return [...identifiers]
  }

  async get(UniqueIdentifier: string): Promise<Response<'Get'>> {
    const object = await this.#request('Get', { UniqueIdentifier })
    this.#requireSame(UniqueIdentifier, object)
    return object
  }

  /** An object and its attributes, in one message. */
  async read(
    UniqueIdentifier: string,
  ): Promise<{ readonly object: ItemOutcome<'Get'>; readonly attributes: ItemOutcome<'GetAttributes'> }> {
    const request = { UniqueIdentifier }
    const byName = this.#byName
    const both = [
      { operation: 'Get', request },
      { operation: 'GetAttributes', request: { ...request, AttributeName: [] } },
    ] as const
    const named = { operation: 'GetAttributes', request: { ...request, AttributeName: byName } } as const
    const options = { onError: 'Continue' } as const
    const [object, attributes, more] =
      byName.length > 0
        ? await this.#client.batch([...both, named], options)
        : await this.#client.batch(both, options)
    if (object.ok) this.#requireSame(UniqueIdentifier, object.response)
    if (attributes.ok) this.#requireSame(UniqueIdentifier, attributes.response)
    if (!attributes.ok || !more?.ok) return { object, attributes }
    this.#requireSame(UniqueIdentifier, more.response)
    return { object, attributes: { ok: true, response: together(attributes.response, more.response) } }
  }

  async attributes(UniqueIdentifier: string): Promise<WireAttributes> {
    const answer = await this.#request('GetAttributes', { UniqueIdentifier, AttributeName: [] })
    this.#requireSame(UniqueIdentifier, answer)
    const more = await this.#named(UniqueIdentifier)
    return (more ? together(answer, more) : answer).Attribute ?? []
  }

  /** Undefined: the server does not give them. */
  async #named(UniqueIdentifier: string): Promise<Response<'GetAttributes'> | undefined> {
    const request = { UniqueIdentifier, AttributeName: this.#byName }
    if (request.AttributeName.length === 0) return undefined
    try {
      const more = await this.#request('GetAttributes', request)
      this.#requireSame(UniqueIdentifier, more)
      return more
    } catch (error) {
      if (!isAboutAnswer(error)) throw error
      return undefined
    }
  }

  /** None before 1.2. */
  get #byName(): readonly string[] {
    return leftOut.filter((key) => existsIn(key, this.version)).map(wireName)
  }

  /** The attributes one by one, for a server that refuses to give all at once. `left`: the names that it does not give. */
  async attributesOneByOne(
    UniqueIdentifier: string,
  ): Promise<{ readonly attributes: WireAttributes; readonly left: readonly string[] }> {
    const { AttributeName: names = [] } = await this.#request('GetAttributeList', { UniqueIdentifier })
    const attributes: WireAttributes[number][] = []
    const left: string[] = []
    for (const name of names) {
      if (typeof name !== 'string') continue
      try {
        const answer = await this.#request('GetAttributes', { UniqueIdentifier, AttributeName: [name] })
        this.#requireSame(UniqueIdentifier, answer)
        attributes.push(...(answer.Attribute ?? []))
      } catch (error) {
        if (!isAboutAnswer(error)) throw error
        left.push(name)
      }
    }
    return { attributes, left }
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #request<N extends Reading>(operation: N, request: Request<N>): Promise<Response<N>> {
    return this.#client.request(operation, request)
  }

  /** An answer that went astray must not become the bytes or the state of another key. */
  #requireSame(identifier: string, answer: { readonly UniqueIdentifier: unknown }): void {
    if (answer.UniqueIdentifier !== identifier)
      throw new KmipTransportError('protocol', this.#address, 'the answer is about another object')
  }

  async #locate(Attribute: NonNullable<Request<'Locate'>['Attribute']>): Promise<readonly string[]> {
    if (!atLeast(this.version, '1.3')) return (await this.#request('Locate', { Attribute })).UniqueIdentifier
    const list: Listed = { identifiers: new Set(), bytes: 0 }
    // An object that is deleted meanwhile moves the others to an earlier place, and maybe one onto a page that was read: the next
    // list has that one.
    for (let lists = 0; lists < adoptListsMax; lists++) {
      const before = list.identifiers.size
      await this.#listPages(Attribute, list)
      if (list.identifiers.size === before) break
    }
    return [...list.identifiers]
  }

  /** Adds what the pages of one list have to `list`. */
  async #listPages(Attribute: NonNullable<Request<'Locate'>['Attribute']>, list: Listed): Promise<void> {
    const listed = new Set<string>()
    let isRepeated = false
    for (let OffsetItems = 0; ;) {
      const request = { MaximumItems: adoptPageItems, OffsetItems, Attribute }
      const { UniqueIdentifier: page } = await this.#request('Locate', request)
      const before = listed.size
      for (const identifier of page) {
        listed.add(identifier)
        if (!list.identifiers.has(identifier)) list.bytes += Buffer.byteLength(identifier)
        list.identifiers.add(identifier)
      }
      const isKnown = listed.size === before
      // The end, or a server that ignores the offset and returns the same page for ever. Once it may be that new objects moved the
      // others to a later place.
      if (page.length === 0 || (isKnown && isRepeated)) return
      if (list.identifiers.size > adoptIdentifiersMax) throw tooManyObjects()
      if (list.bytes > adoptIdentifiersBytesMax) throw tooLongList()
      isRepeated = isKnown
      OffsetItems += page.length
    }
  }
}

interface Listed {
  readonly identifiers: Set<string>
  bytes: number
}

/**
 * Attributes that no object must have. A server may leave them out where it is asked for all, so Mortise asks for them by
 * their names.
 */
const leftOut = ['OriginalCreationDate', 'RandomNumberGenerator'] as const

type Attributes = Response<'GetAttributes'>

function together(all: Attributes, more: Attributes): Attributes {
  const known = new Set(all.Attribute?.map(({ AttributeName }) => AttributeName))
  const added = (more.Attribute ?? []).filter(({ AttributeName }) => !known.has(AttributeName))
  return { ...all, Attribute: [...(all.Attribute ?? []), ...added] }
}

/** Leaving some out without a word would lose keys. */
export function tooManyObjects(): AdoptionFailed {
  return new AdoptionFailed(
    'options',
    `there are more than ${adoptIdentifiersMax} objects, which is the most that one adoption takes`,
    'Adopt them in parts: --ids FILE names some of them.',
  )
}

function tooLongList(): AdoptionFailed {
  return new AdoptionFailed(
    'server',
    `the identifiers of the old server's objects have more than ${adoptIdentifiersBytesMax} bytes, which is the most that one adoption takes`,
    'Adopt them in parts: --ids FILE names some of them.',
  )
}

/** The server has answered before, so it is a KMIP server. One that sends no pages may send a list that is too long for one message. */
function unreadableList(error: KmipTransportError): AdoptionFailed {
  return new AdoptionFailed(
    'server',
    `the old server's list of its objects cannot be read: ${error.message}`,
    'A server that does not list its objects page by page can be asked for about 20,000 at most. Name them: --ids FILE (docs/adopt.md tells how to write it).',
    error,
  )
}

const kinds = [
  'SymmetricKey',
  'SecretData',
  'OpaqueObject',
  'Certificate',
  'PrivateKey',
  'PublicKey',
] as const

/** A refusal, or an answer that cannot be read. */
export function isAboutAnswer(error: unknown): error is Error {
  return error instanceof KmipRefused || isUnreadable(error)
}

/** The certificate is not trusted there, or may not ask for this: asking in another way does not help. */
function isAboutAccess({ reason }: KmipRefused): boolean {
  return reason === 'AuthenticationNotSuccessful' || reason === 'PermissionDenied'
}
