// `adopt ibm-standard-keys`: adopts the keys that IBM's KMIP for VMware stored in the customer's own Key Protect or HPCS
// instance, by the ways of wrapping that a probe proved. It only reads there. Each key is compared, before it is adopted,
// with the one that the old service gives, or with the check that the probe recorded while the service still answered. A key
// that nothing checks comes only if the request says so.

import { timingSafeEqual } from 'node:crypto'
import { maskOf } from '../../wire/kmip/enums.ts'
import type { Response } from '../../wire/kmip/operations.ts'
import { adoptConnectionsMax, adoptIdentifiersMax, adoptObjectsMax } from './bounds.ts'
import { RootKeyError, type StandardKeyEntry } from '../../core/ports/root-key.ts'
import {
  adoptFrom,
  openOldServers,
  whyNotExported,
  type AdoptionParts,
  type OpenedServer,
} from './adoption.ts'
import { AdoptionFailed, failureOf } from './failure.ts'
import { broughtBy, wipeAnswer } from './key-bytes.ts'
import { tooManyObjects, type OldServerRequest } from './old-server.ts'
import { NotAdopted, type Origin } from './origin.ts'
import type { Retries } from './retries.ts'
import { openAnyWay, orRefusal, probe, type StandardKeySource } from './probe.ts'
import { agrees, isSameRootKey, proofKeysMin, type Proof, type ProvedWay } from './proof.ts'
import { Reader, type ComparedWith, type Read } from './reader.ts'
import type { AdoptionReport } from './report.ts'
import { contents, identifiersOf, keyFromContent, namePrefix, type Way } from './wrapping-ways.ts'

/** Standard keys that are compared with the old service to prove a way of wrapping, where no proof is given. */
const adoptProofKeysMax = 50

export interface StandardKeysRequest {
  /** The root key that the old service used, by its URI. */
  readonly rootKey: string
  /** The key of a service ID that may read standard keys there. */
  readonly apiKey: string
  /** Left out: the first keys are compared with the old service until they prove a way. */
  readonly proof?: Proof | undefined
  /** The old service, while it still answers. */
  readonly server?: OldServerRequest | undefined
  /** Adopts also keys that nothing checks. */
  readonly unchecked: boolean
  readonly dryRun: boolean
}

/** The caller ends it. Rejects with RootKeyError. */
export type OpenStandardKeys = (
  source: Pick<StandardKeysRequest, 'rootKey' | 'apiKey'>,
) => Promise<StandardKeySource & AsyncDisposable>

/** Rejects with AdoptionFailed, and with a Fault if the asker may not adopt any more or the instance is full. */
export async function adoptStandardKeys(
  parts: AdoptionParts & { readonly openStandardKeys: OpenStandardKeys },
  request: StandardKeysRequest,
): Promise<AdoptionReport> {
  const { rootKey, server, dryRun } = request
  try {
    await using source = await parts.openStandardKeys(request)
    await using live = server && (await openOldServers(server))
    const proof = request.proof ?? (await prove(parts, source, live))
    if (!isSameRootKey(proof.rootKey, source.rootKey))
      throw new AdoptionFailed(
        'options',
        `the proof is of another root key, ${proof.rootKey}, than ${rootKey}`,
        'Name the root key of the proof, or make a proof with the other one: mortise adopt probe --proof FILE',
      )
    return await adoptFrom(parts, { dryRun, verify: false }, (retries) => {
      const waiting = {
        source: retries(adoptObjectsMax),
        live: retries(adoptConnectionsMax),
      }
      return new LeftKeys({ source, live, proof, waiting, unchecked: request.unchecked })
    })
  } catch (error) {
    throw failureOf(error)
  }
}

async function prove(
  { onProgress }: Pick<AdoptionParts, 'onProgress'>,
  source: StandardKeySource,
  live: OpenedServer | undefined,
): Promise<Proof> {
  const { proof, report } = await probe({
    source,
    live,
    keysMax: adoptProofKeysMax,
    onProgress: (done) => onProgress({ step: 'list', done, total: null, trouble: null }),
  })
  if (proof) return proof
  throw new AdoptionFailed(
    'options',
    live
      ? `no way of wrapping is proved: of the first ${report.keys.length} standard keys, fewer than ${proofKeysMin} open in one way to the bytes that the old service gives`
      : 'without the old service, a proof is needed: what a probe recorded while the service still answered',
    live
      ? 'mortise adopt probe says what is known of each. Adopt from the old service itself while it answers: mortise adopt kmip'
      : 'Give the file that mortise adopt probe --proof FILE wrote.',
  )
}

interface LeftKeysOptions {
  readonly source: StandardKeySource
  readonly live: OpenedServer | undefined
  readonly proof: Proof
  readonly unchecked: boolean
  /** One for each service: that one of them answers says nothing of the other. */
  readonly waiting: { readonly source: Retries; readonly live: Retries }
}

class LeftKeys implements Origin {
  readonly from: string
  readonly version: string | null
  readonly isCompared = true
  readonly #options: LeftKeysOptions
  readonly #reader: Reader | undefined
  readonly #ways: ReadonlyMap<Way, ProvedWay>
  /** By the id of the standard key. */
  #entries: ReadonlyMap<string, StandardKeyEntry> = new Map()

  constructor(options: LeftKeysOptions) {
    const { source, live, proof, waiting } = options
    this.#options = options
    this.from = source.rootKey.replace(/\/[^/]*$/, '')
    this.version = live?.version ?? null
    this.#reader = live && new Reader(live, waiting.live)
    this.#ways = new Map(proof.ways.map((proved) => [proved.way, proved]))
  }

  async list(): Promise<readonly string[]> {
    const { source, waiting } = this.#options
    this.#entries = await waiting.source.ask(async () => {
      const entries = new Map<string, StandardKeyEntry>()
      for await (const page of source.list(namePrefix)) {
        for (const one of page) entries.set(one.id, one)
        if (entries.size > adoptIdentifiersMax) throw tooManyObjects()
      }
      return entries
    })
    return [...this.#entries.keys()]
  }

  nameOf(named: string): string {
    const { name } = this.#standardKey(named)
    return identifiersOf(name)[0] ?? name
  }

  async get(named: string): Promise<Response<'Get'>> {
    return (await this.read(named)).object
  }

  async read(named: string): Promise<Read> {
    const standardKey = this.#standardKey(named)
    const { key, identifier } = await this.#open(standardKey)
    try {
      const read = await this.#live(identifier)
      if (typeof read === 'object') {
        requireSame(read.object, key)
        return { ...read, checked: 'old server' }
      }
      const checked = this.#checked(identifier, key, read)
      const known = { identifier, checked, bytesOnly: true, object: asObject(identifier, key) } as const
      return { ...known, attributes: knownOf(standardKey), left: [notKnown] }
    } finally {
      key.fill(0)
    }
  }

  #standardKey(named: string): StandardKeyEntry {
    const entry = this.#entries.get(named)
    if (!entry) throw new Error(`the standard key ${named} was not listed`)
    return entry
  }

  /** By the proved ways; a key of which the proof has a check, by all of them, since the check recognizes its bytes. */
  async #open({ id, name }: StandardKeyEntry): Promise<OpenedKey> {
    const { source, proof, waiting } = this.#options
    const payload = await waiting.source.ask(() => orRefusal(() => source.read(id)))
    if (payload instanceof RootKeyError)
      throw new NotAdopted('notExported', `its payload cannot be read: ${payload.message}`)
    const stored = { name, payload, serviceInstance: source.serviceInstance }
    const proved = new Set(this.#ways.keys())
    const hasCheck = identifiersOf(name).some((identifier) => Object.hasOwn(proof.checks, identifier))
    const opened = await waiting.source
      .ask(() => openAnyWay(source, stored, hasCheck ? { first: proved } : { only: proved }))
      .finally(() => payload.fill(0))
    const way = opened && this.#ways.get(opened.way)
    const recognition =
      opened && (way ? openedBy(way, opened.bytes, name) : recognized(proof, opened.bytes, name))
    opened?.bytes.fill(0)
    if (!recognition && !way) throw new NotAdopted('notExported', 'none of the proved ways opens it')
    if (recognition && aesBytes.includes(recognition.key.length)) return recognition
    recognition?.key.fill(0)
    throw new NotAdopted('notExported', 'it opens, but not to an AES key')
  }

  /** The key as the old service has it, or why that is not known. */
  async #live(identifier: string): Promise<Read | string> {
    if (!this.#reader) return 'the old service was not asked'
    try {
      const read = await this.#reader.read(identifier)
      const brought = broughtBy(read.object)
      if (typeof brought === 'string') return `the old service does not give it: ${brought}`
      brought.material.bytes.fill(0)
      return read
    } catch (error) {
      const why = whyNotExported(error)
      if (why === undefined) throw error
      return `the old service does not give it: ${why}`
    }
  }

  #checked(identifier: string, key: Buffer, why: string): ComparedWith {
    const { proof, unchecked } = this.#options
    const agreed = agrees(proof, identifier, key)
    if (agreed === true) return 'proof'
    if (agreed === false)
      throw new NotAdopted(
        'different',
        'it opens to other bytes than the probe compared with the old service',
      )
    if (unchecked) return 'nothing'
    throw new NotAdopted('notChecked', `${why}, and the proof has no check of it`)
  }
}

interface OpenedKey {
  /** The caller's to wipe. */
  readonly key: Buffer
  readonly identifier: string
}

function openedBy({ content, naming }: ProvedWay, bytes: Uint8Array, name: string): OpenedKey | undefined {
  const identifier = naming === 'whole name' ? name : (identifiersOf(name)[0] ?? '')
  const key = keyFromContent(bytes, content)
  return key && { key, identifier }
}

/** The key with the check that the proof has under one of its identifiers. */
function recognized(proof: Proof, bytes: Uint8Array, name: string): OpenedKey | undefined {
  for (const identifier of identifiersOf(name))
    for (const content of contents) {
      const key = keyFromContent(bytes, content)
      if (key && agrees(proof, identifier, key) === true) return { key, identifier }
      key?.fill(0)
    }
  return undefined
}

const aesBytes: readonly number[] = [16, 24, 32]
const notKnown = 'state (taken as Active), dates, names and other attributes: Key Protect does not know them'

function requireSame(object: Response<'Get'>, key: Buffer): void {
  const brought = broughtBy(object)
  const bytes = typeof brought === 'string' ? Buffer.of() : brought.material.bytes
  const same = bytes.length === key.length && timingSafeEqual(bytes, key)
  bytes.fill(0)
  if (same) return
  wipeAnswer(object)
  throw new NotAdopted('different', 'it opens to other bytes than the old service gives')
}

/** As the old service would have given it; with a copy of the bytes. */
function asObject(UniqueIdentifier: string, key: Buffer): Response<'Get'> {
  const KeyBlock = {
    KeyFormatType: 'Raw',
    KeyValue: { KeyMaterial: Buffer.from(key) },
    CryptographicAlgorithm: 'AES',
    CryptographicLength: key.length * 8,
  } as const
  return { ObjectType: 'SymmetricKey', UniqueIdentifier, SymmetricKey: { KeyBlock } }
}

/** The usage is what vCenter asks for; the date is that of the standard key. */
function knownOf({ createdMs }: StandardKeyEntry): Read['attributes'] {
  const usage = maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt'])
  return [
    { AttributeName: 'Cryptographic Usage Mask', AttributeValue: usage },
    ...(createdMs === null
      ? []
      : [{ AttributeName: 'Initial Date', AttributeValue: BigInt(Math.floor(createdMs / 1000)) }]),
  ]
}
