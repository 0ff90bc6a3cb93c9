// One adoption from its beginning to its report: finds the objects of the old server, reads each with its attributes, and
// stores it under the same identifier. Interrupted, it is begun again: what is here already is compared and left as it is.

import { addressText } from '../../base/kmip-address.ts'
import { isUnreadable, KmipRefused } from '../../outside/kmip-client/errors.ts'
import type { AdoptedObject } from '../../core/keys/object/adopted-object.ts'
import { searchKey, type AttributeValue } from '../../wire/kmip/attributes.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { adoptConnectionsMax, adoptObjectsMax } from './bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { failureOf, refusalText } from './failure.ts'
import { digestBy, wipeAnswer } from './key-bytes.ts'
import { addressOf, openOldServer, type OldServer, type OldServerRequest } from './old-server.ts'
import { contradictsDigest, inOneAct, otherDigest, storable, type Perform } from './one-object.ts'
import { AdoptionStopped, isPassing, NotAnswered, Retries } from './retries.ts'
import { NotAdopted, type Origin } from './origin.ts'
import { Reader, type Read } from './reader.ts'
import { AdoptionTally, type AdoptionReport } from './report.ts'

/** Old servers stall, some for half a minute. */
export const adoptAnswerTimeoutMs = 60_000

export interface AdoptionRequest extends OldServerRequest {
  /** The identifiers to adopt; left out: all that the old server finds. */
  readonly ids?: readonly string[] | (() => Promise<readonly string[]>) | undefined
  readonly dryRun: boolean
  /** Reads everything back from both servers afterwards, and compares digests. */
  readonly verify: boolean
  /** Adopts nothing: the objects are here. */
  readonly onlyVerify?: boolean
}

export interface AdoptionProgress {
  readonly step: 'list' | 'adopt' | 'verify'
  readonly done: number
  /** null: not known yet. */
  readonly total: number | null
  /** Why it waits at the moment; it goes on by itself. */
  readonly trouble: string | null
}

export interface AdoptionParts {
  /** One transaction on the keys of the instance, in the name of the asker. */
  readonly perform: Perform
  /** Whether the instance knows this identifier, also of an object that was destroyed. */
  readonly isHere: (identifier: string) => Promise<boolean>
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly signal: AbortSignal
  readonly onProgress: (progress: AdoptionProgress) => void
}

/** Rejects with AdoptionFailed, and with a Fault if the asker may not adopt any more or the instance is full. */
export async function adopt(parts: AdoptionParts, request: AdoptionRequest): Promise<AdoptionReport> {
  try {
    await using server = await openOldServers(request)
    return await adoptFrom(parts, request, (retries) =>
      kmipOrigin(server, retries(adoptConnectionsMax), request.ids),
    )
  } catch (error) {
    throw failureOf(error)
  }
}

/** `retries` makes one for each service that the origin asks; its argument is the most questions at once. */
export type OpenOrigin = (retries: (concurrencyMax: number) => Retries) => Origin

/** Adopts what the origin has. Rejects as the origin does, and with Faults that concern all objects. */
export function adoptFrom(
  parts: AdoptionParts,
  options: Pick<AdoptionRequest, 'dryRun' | 'verify' | 'onlyVerify'>,
  open: OpenOrigin,
): Promise<AdoptionReport> {
  return new Adoption(parts, options, open).run()
}

export type OpenedServer = OldServer & AsyncDisposable & { readonly address: string }

/** Rejects with AdoptionFailed, KmipRefused, KmipTransportError and TlsOptionsError. */
export async function openOldServers({ servers, cert, key, trust }: OldServerRequest): Promise<OpenedServer> {
  const addresses = servers.map(addressOf)
  const options = { addresses, cert, key, trust, connectionsMax: adoptConnectionsMax }
  const server = await openOldServer({ ...options, timeouts: { answerMs: adoptAnswerTimeoutMs } })
  return Object.assign(server, {
    address: addresses.map(addressText)[0] ?? '',
    [Symbol.asyncDispose]: () => server.close(),
  })
}

function kmipOrigin(server: OpenedServer, retries: Retries, ids: AdoptionRequest['ids']): Origin {
  const reader = new Reader(server, retries)
  return {
    from: server.address,
    version: server.version,
    isCompared: false,
    list: async () =>
      (typeof ids === 'function' ? await ids() : ids) ?? (await retries.ask(() => server.locate())),
    nameOf: (identifier) => identifier,
    read: (identifier) => reader.read(identifier),
    get: (identifier) => retries.ask(() => server.get(identifier)),
  }
}

class Adoption {
  readonly #parts: AdoptionParts
  readonly #options: Pick<AdoptionRequest, 'dryRun' | 'verify' | 'onlyVerify'>
  readonly #origin: Origin
  readonly #tally = new AdoptionTally()
  /** The Names that the objects before would have taken in a real run. */
  readonly #wouldBeTaken = new Set<string>()
  #progress: AdoptionProgress = { step: 'list', done: 0, total: null, trouble: null }

  constructor(
    parts: AdoptionParts,
    request: Pick<AdoptionRequest, 'dryRun' | 'verify' | 'onlyVerify'>,
    open: OpenOrigin,
  ) {
    this.#parts = parts
    this.#options = request
    const { clock, signal } = parts
    const onTrouble = (trouble: string | null) => this.#tell({ trouble })
    this.#origin = open((concurrencyMax) => new Retries({ clock, signal, onTrouble, concurrencyMax }))
  }

  async run(): Promise<AdoptionReport> {
    const { dryRun, verify, onlyVerify = false } = this.#options
    const { from, version, isCompared } = this.#origin
    this.#tell({})
    const identifiers = [...new Set(await this.#origin.list())]
    /** The objects that this server now has, equal to the old server's as far as is known. */
    const here = onlyVerify ? identifiers : await this.#adoptAll(await this.#newFirst(identifiers))
    const isVerified = verify && !dryRun
    if (isVerified) await this.#verifyAll(here)
    const about = { server: from, version, dryRun, objects: identifiers.length }
    return this.#tally.report(about, isVerified || isCompared)
  }

  /** Puts the objects that this server lacks first: an adoption from a slow server that begins again after an interruption then brings some of these. */
  async #newFirst(identifiers: readonly string[]): Promise<readonly string[]> {
    const known: string[] = []
    const unknown: string[] = []
    for (const named of identifiers) {
      if (this.#parts.signal.aborted) throw new AdoptionStopped('the server stops')
      const isKnown = await this.#parts.isHere(this.#origin.nameOf(named))
      if (isKnown) known.push(named)
      else unknown.push(named)
    }
    return [...unknown, ...known]
  }

  /** Returns the objects that this server has afterwards. Asks again for what the old server refuses for a while, after all others, as long as that brings any. */
  async #adoptAll(identifiers: readonly string[]): Promise<readonly string[]> {
    const here: string[] = []
    let done = 0
    this.#tell({ step: 'adopt', done, total: identifiers.length })
    for (let left = identifiers; left.length > 0;) {
      const failed = new Map<string, Error>()
      await this.#forEach(left, async (named) => {
        const outcome = await this.#adopt(named)
        if (outcome instanceof Error) {
          failed.set(named, outcome)
          return
        }
        if (outcome) here.push(named)
        this.#tell({ done: ++done })
      })
      if (failed.size === left.length) {
        for (const [named, error] of failed) this.#notRead(named, error)
        break
      }
      left = [...failed.keys()]
    }
    return here
  }

  async #verifyAll(here: readonly string[]): Promise<void> {
    let done = 0
    this.#tell({ step: 'verify', done, total: here.length })
    await this.#forEach(here, async (identifier) => {
      await this.#verify(identifier)
      this.#tell({ done: ++done })
    })
  }

  /** Several at a time. Ends with the first error. */
  async #forEach(all: readonly string[], work: (named: string) => Promise<void>): Promise<void> {
    const queue = all.values()
    let failed = false
    const worker = async (): Promise<void> => {
      for (const named of queue) {
        if (failed) return
        if (this.#parts.signal.aborted) throw new AdoptionStopped('the server stops')
        await work(named)
      }
    }
    const workers = Array.from({ length: adoptObjectsMax }, () =>
      worker().catch((error: unknown) => {
        failed = true
        throw error
      }),
    )
    const ended = await Promise.allSettled(workers)
    for (const worker of ended) if (worker.status === 'rejected') throw worker.reason
  }

  /** Whether the object is here now, with the bytes that it has there. An error: the server may give it later. */
  async #adopt(named: string): Promise<boolean | Error> {
    let read: Read
    try {
      read = await this.#origin.read(named)
    } catch (error) {
      const why = whyNotExported(error)
      if (why === undefined) throw error
      if (error instanceof KmipRefused && isPassing(error)) return error
      this.#notRead(named, error)
      return false
    }
    try {
      return await this.#store(read)
    } finally {
      wipeAnswer(read.object)
    }
  }

  #notRead(named: string, error: unknown): void {
    const list = error instanceof NotAdopted ? error.list : 'notExported'
    this.#tally.list(list, this.#origin.nameOf(named), whyNotExported(error) ?? '')
  }

  async #store(read: Read): Promise<boolean> {
    const { identifier, object, left, checked } = read
    const objectType = object.ObjectType
    const made = storable(read, this.#origin.from)
    if ('notStored' in made) {
      this.#tally.notStored(identifier, objectType, made.notStored)
      return false
    }
    const why = 'destroyed' in made ? made.destroyed : contradictsDigest(read) ? otherDigest : undefined
    if ('destroyed' in made || why !== undefined) {
      this.#tally.list('notExported', identifier, why ?? '')
      return false
    }
    try {
      const { dryRun } = this.#options
      const { outcome, takenNames } = await inOneAct(this.#parts.perform, object, (work, material) =>
        work.adopt(made.adopted, material, { dryRun }),
      )
      this.#tally.count(({ new: 'adopted', changed: 'updated', same: 'unchanged' } as const)[outcome])
      if (checked !== undefined) this.#tally.count(checked === 'nothing' ? 'unchecked' : 'equal')
      const foreseen = dryRun && outcome !== 'same' ? this.#foreseenNames(made.adopted) : []
      const shared = [...takenNames, ...foreseen.filter((name) => !takenNames.includes(name))]
      if (shared.length > 0) this.#tally.list('sharedNames', identifier, shared.join(', '))
      if (left.length > 0) this.#tally.list('withoutAttributes', identifier, left.join(', '))
      return true
    } catch (error) {
      if (!(error instanceof Fault) || !aboutObject.has(error.reason)) throw error
      const isConflict = error.reason === 'ObjectAlreadyExists' || error.reason === 'ObjectDestroyed'
      if (isConflict) this.#tally.list('conflicts', identifier, error.message)
      else this.#tally.notStored(identifier, objectType, error.message)
      return false
    }
  }

  /** Returns the Names of the object that an earlier object of this run would already have. A dry run stores none, so the store cannot say. */
  #foreseenNames({ attributes }: AdoptedObject): readonly string[] {
    const names = (attributes.get('Name') ?? []).map(
      ({ value }) => [searchKey('Name', value), (value as AttributeValue<'Name'>).NameValue] as const,
    )
    const taken = names.filter(([key]) => this.#wouldBeTaken.has(key))
    for (const [key] of names) this.#wouldBeTaken.add(key)
    return taken.map(([, name]) => name)
  }

  async #verify(identifier: string): Promise<void> {
    const there = await this.#digestThere(identifier)
    if (typeof there === 'string') return this.#tally.list('different', identifier, there)
    try {
      const here = await this.#parts.perform((work) => work.digest(identifier))
      if (here.equals(there)) this.#tally.count('equal')
      else this.#tally.list('different', identifier, 'the two servers hold other bytes')
    } catch (error) {
      if (!(error instanceof Fault) || !aboutObject.has(error.reason)) throw error
      this.#tally.list('different', identifier, error.message)
    }
  }

  async #digestThere(identifier: string): Promise<Buffer | string> {
    try {
      const object = await this.#origin.get(identifier)
      const digest = digestBy(object)
      wipeAnswer(object)
      return digest
    } catch (error) {
      const why = whyNotExported(error)
      if (why === undefined) throw error
      return why
    }
  }

  #tell(news: Partial<AdoptionProgress>): void {
    this.#progress = { ...this.#progress, ...news }
    this.#parts.onProgress(this.#progress)
  }
}

/** Faults that concern one object; the others would refuse the next one too. */
export const aboutObject: ReadonlySet<string> = new Set([
  'ObjectAlreadyExists',
  'ObjectDestroyed',
  'ObjectNotFound',
  'InvalidField',
  'IndexOutOfBounds',
  'NonUniqueNameAttribute',
])

/** In words, if that concerns one object; undefined: it concerns all of them. */
export function whyNotExported(error: unknown): string | undefined {
  if (error instanceof NotAnswered || error instanceof NotAdopted) return error.message
  if (error instanceof KmipRefused && error.reason !== 'AuthenticationNotSuccessful')
    return refusalText(error)
  return isUnreadable(error) ? error.message : undefined
}
