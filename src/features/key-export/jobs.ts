// Exports the keys of an instance as an age file, for those who leave Mortise: lines of JSON, which docs/leave.md describes.
// Key bytes are sealed here and never leave unsealed; the audit entry of each key is on the disk before its line is sealed.
// Only the end of an export shows what it left out: that is remembered until the next one, or a restart.

import { encodeBase64 } from '../../base/base64.ts'
import { CustodyRefused } from '../../core/custody/custody.ts'
import type { Exported, KeyTransaction } from '../../core/keys/key-transaction.ts'
import type { Keys, ListedKey } from '../../core/keys/keys.ts'
import { isDestroyed } from '../../core/keys/object/lifecycle.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { createSealedFile, shownRecipient } from '../../core/sealing/for-recipients.ts'
import type { SealedFile } from '../../core/sealing/sealed-file.ts'
import { KeysUnavailable } from '../../core/sealing/unwrap-cache.ts'
import type { Instance } from '../../core/trust/rows.ts'
import { Refusal } from '../../base/refusal.ts'
import { refusalOf } from '../../doors/http/faults.ts'
import { keyPages } from '../../core/keys/key-pages.ts'
import { nameValues } from '../../core/keys/object/object-names.ts'
import { isoTime, shownAttributes } from '../../doors/http/views/shown.ts'

/** Keys that are opened at once. Their lines are in memory together, unsealed. */
const exportPageItems = 32
/** Keys that were left out, named with the reason; the others are counted. */
const exportReportedMax = 1_000

export interface ExportRequest {
  /** The asker chooses it, and asks for the outcome by it. */
  readonly id: string
  readonly instance: Pick<Instance, 'id' | 'name'>
  /** The version of Mortise. */
  readonly version: string
  /** age recipients, or certificates in PEM. */
  readonly recipients: readonly string[]
  /** One transaction on the keys of the instance, in the name of the asker. */
  readonly perform: <T>(work: (work: KeyTransaction) => Promise<T>) => Promise<T>
}

export interface ExportOutcome {
  readonly id: string
  readonly state: 'running' | 'done' | 'failed'
  readonly keys: number
  /** Destroyed ones have no bytes any more. */
  readonly destroyed: number
  readonly notExported: {
    readonly count: number
    /** The first `exportReportedMax`. */
    readonly items: readonly { readonly id: string; readonly why: string }[]
  }
  /** Why it failed. */
  readonly refusal: Refusal | null
}

export class KeyExports {
  readonly #keys: Pick<Keys, 'list'>
  readonly #clock: Pick<Clock, 'now'>
  readonly #failed: (error: unknown) => void
  /** By instance. */
  readonly #last = new Map<string, KeyExport>()

  constructor({
    keys,
    clock,
    failed,
  }: {
    readonly keys: Pick<Keys, 'list'>
    readonly clock: Pick<Clock, 'now'>
    /** Called with bugs and outages. */
    readonly failed: (error: unknown) => void
  }) {
    this.#keys = keys
    this.#clock = clock
    this.#failed = failed
  }

  /** The bytes of the file. Throws Refusal. */
  async begin(request: ExportRequest): Promise<AsyncIterable<Uint8Array>> {
    const { instance, recipients, version } = request
    this.requireFree(instance)
    const file = await createSealedFile(recipients)
    const to = (await Promise.all(recipients.map(shownRecipient))).join(' ')
    const made = new KeyExport(this.#keys, file, to, request)
    // If several began together, the one that is read first goes on.
    const onRead = () => {
      this.requireFree(instance)
      this.#last.set(instance.id, made)
    }
    return made.content({ mortise: version, at: isoTime(this.#clock.now()) }, this.#failed, onRead)
  }

  /** Throws Refusal while an export of the instance runs. */
  requireFree({ id, name }: ExportRequest['instance']): void {
    if (this.#last.get(id)?.outcome.state === 'running')
      throw new Refusal(
        'conflict',
        `an export of the instance ${name} is under way`,
        'Try again when it is done.',
      )
  }

  /** Undefined: none of this id since the server started, or another one came after it. */
  outcome(instanceId: string, id: string): ExportOutcome | undefined {
    const last = this.#last.get(instanceId)?.outcome
    return last?.id === id ? last : undefined
  }
}

class KeyExport {
  readonly #keys: Pick<Keys, 'list'>
  readonly #file: SealedFile
  /** The recipients. */
  readonly #to: string
  readonly #request: ExportRequest
  readonly #left: { readonly id: string; readonly why: string }[] = []
  #counts = { keys: 0, destroyed: 0, notExported: 0 }
  /** Running from the first read on. */
  #state: ExportOutcome['state'] = 'failed'
  #refusal: Refusal | null = null

  constructor(keys: Pick<Keys, 'list'>, file: SealedFile, to: string, request: ExportRequest) {
    this.#keys = keys
    this.#file = file
    this.#to = to
    this.#request = request
  }

  get outcome(): ExportOutcome {
    const { keys, destroyed, notExported: count } = this.#counts
    const notExported = { count, items: this.#left }
    return { id: this.#request.id, state: this.#state, keys, destroyed, notExported, refusal: this.#refusal }
  }

  /** Made only as fast as it is read. Left in the middle, or broken off by an error, it has no end and opens nowhere whole. */
  async *content(
    about: { readonly mortise: string; readonly at: string },
    failed: (error: unknown) => void,
    onRead: () => void,
  ): AsyncGenerator<Uint8Array> {
    const { id, name } = this.#request.instance
    try {
      onRead()
      this.#state = 'running'
      yield this.#file.head
      yield* this.#sealed(line({ mortiseKeyExport: 1, instance: { id, name }, ...about }))
      for await (const made of this.#lines()) yield* this.#sealed(made)
      const { keys, destroyed } = this.#counts
      yield* this.#sealed(line({ end: true, keys, destroyed, notExported: this.outcome.notExported }))
      const last = this.#file.end()
      this.#state = 'done'
      yield last
    } catch (error) {
      const known = refusalOf(error)
      if (!known) failed(error)
      this.#refusal =
        known ?? new Refusal('internal', 'something went wrong in the server', 'Its log says more.')
      throw this.#refusal
    } finally {
      this.#file.wipe()
      if (this.#state === 'running') this.#state = 'failed'
    }
  }

  *#sealed(plaintext: Buffer): Generator<Uint8Array> {
    const chunks = this.#file.write(plaintext)
    plaintext.fill(0)
    yield* chunks
  }

  /** Newest first. A key that is made meanwhile is not among them. */
  async *#lines(): AsyncGenerator<Buffer> {
    const all = { instanceId: this.#request.instance.id, includeDestroyed: true }
    for await (const page of keyPages(this.#keys, all, exportPageItems)) {
      const lines = await allOrNone(page.map((view) => this.#line(view)))
      try {
        for (const made of lines) if (made) yield made
      } finally {
        for (const made of lines) made?.fill(0)
      }
    }
  }

  /** The caller wipes it. Undefined: the key is left out. */
  async #line({ uniqueIdentifier: id, state }: ListedKey): Promise<Buffer | undefined> {
    if (isDestroyed(state)) {
      this.#counts.destroyed++
      return undefined
    }
    try {
      const { id: made, perform } = this.#request
      const detail = { export: made, to: this.#to }
      const exported = await perform((work) => work.export(id, detail))
      this.#counts.keys++
      return exportedLine(exported)
    } catch (error) {
      const why = whyLeftOut(error)
      if (why === undefined) throw error
      this.#counts.notExported++
      if (this.#left.length < exportReportedMax) this.#left.push({ id, why })
      return undefined
    }
  }
}

/** Waits for all of them, and wipes those that were made if one of them fails. */
async function allOrNone(
  making: readonly Promise<Buffer | undefined>[],
): Promise<readonly (Buffer | undefined)[]> {
  const made = await Promise.allSettled(making)
  const failed = made.find((one) => one.status === 'rejected')
  if (!failed) return made.map((one) => (one.status === 'fulfilled' ? one.value : undefined))
  for (const one of made) if (one.status === 'fulfilled') one.value?.fill(0)
  throw failed.reason
}

/** In words, if it concerns this one key; undefined: all of them. */
function whyLeftOut(error: unknown): string | undefined {
  if (!(error instanceof Fault)) return undefined
  const { cause, reason, message } = error
  const isOfKey =
    ['Sensitive', 'NotExtractable', 'ObjectDestroyed', 'ObjectNotFound'].includes(reason) ||
    cause instanceof CustodyRefused ||
    (cause instanceof KeysUnavailable && cause.reach === 'wrapped-form')
  return isOfKey ? message : undefined
}

/** The material goes from bytes to bytes. */
function exportedLine({ view, attributes, material }: Exported): Buffer {
  const { bytes, head } = material
  const about = {
    id: view.uniqueIdentifier,
    objectType: view.objectType,
    state: view.state,
    names: nameValues({ attributes }),
    created: isoTime(view.createdMs),
    attributes: shownAttributes(attributes),
    ...head,
  }
  const encoded = encodeBase64(bytes)
  bytes.fill(0)
  const text = JSON.stringify(about)
  const whole = Buffer.concat([
    Buffer.from(`${text.slice(0, -1)},"material":"`),
    encoded,
    Buffer.from('"}\n'),
  ])
  encoded.fill(0)
  return whole
}

function line(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\n`)
}
