// Reads one object of the old server with its attributes: in one message where the server takes batches, otherwise in two,
// and the attributes one by one where it does not give them at once.

import { isUnreadable, KmipRefused } from '../../outside/kmip-client/errors.ts'
import type { ItemOutcome } from '../../outside/kmip-client/session.ts'
import type { Response } from '../../wire/kmip/operations.ts'
import { wipeAnswer } from './key-bytes.ts'
import { isAboutAnswer, type OldServer, type WireAttributes } from './old-server.ts'
import { isPassing, type Retries } from './retries.ts'

export interface Read {
  readonly identifier: string
  readonly object: Response<'Get'>
  readonly attributes: WireAttributes
  /** Attributes that the server does not give: their names, or why there are none. */
  readonly left: readonly string[]
  /** Before the adoption the bytes were compared with this; left out where the object's own server gave them. */
  readonly checked?: ComparedWith
  /** Its state and attributes are unknown; those here are made up. */
  readonly bytesOnly?: true
}

/** `proof`: the check that a probe recorded while the old service answered. */
export type ComparedWith = 'old server' | 'proof' | 'nothing'

export class Reader {
  readonly #server: OldServer
  readonly #retries: Pick<Retries, 'ask'>
  /** Whether the server takes a Get and a Get Attributes in one message; undefined: not known yet. */
  #batches: boolean | undefined

  constructor(server: OldServer, retries: Pick<Retries, 'ask'>) {
    this.#server = server
    this.#retries = retries
  }

  /** Rejects with KmipRefused if the server does not hand out the object, and as Retries.ask does. */
  async read(identifier: string): Promise<Read> {
    if (this.#batches !== false) {
      const read = await this.#together(identifier)
      if (read) return read
    }
    const object = await this.#retries.ask(() => this.#server.get(identifier))
    if (this.#batches === undefined) this.#batches = false
    return this.#described(identifier, object)
  }

  /** Undefined: ask apart. */
  async #together(identifier: string): Promise<Read | undefined> {
    try {
      const { object, attributes } = await this.#retries.ask(async () => {
        const both = await this.#server.read(identifier)
        throwPassing(both.object)
        return both
      })
      if (!object.ok) {
        if (this.#batches === true) throw object.refused
        return undefined
      }
      this.#batches = true
      if (attributes.ok)
        return {
          identifier,
          object: object.response,
          attributes: attributes.response.Attribute ?? [],
          left: [],
        }
      return await this.#described(identifier, object.response)
    } catch (error) {
      if (error instanceof KmipRefused && this.#batches === undefined) return undefined
      // An attribute that cannot be read makes the whole message unreadable.
      if (isUnreadable(error)) return undefined
      throw error
    }
  }

  /** Overwrites the object's bytes if its attributes do not come. */
  async #described(identifier: string, object: Read['object']): Promise<Read> {
    try {
      return { identifier, object, ...(await this.#attributes(identifier)) }
    } catch (error) {
      wipeAnswer(object)
      throw error
    }
  }

  async #attributes(identifier: string): Promise<Pick<Read, 'attributes' | 'left' | 'bytesOnly'>> {
    try {
      const attributes = await this.#retries.ask(() => this.#server.attributes(identifier))
      return { attributes, left: [] }
    } catch (error) {
      if (!isAboutAnswer(error)) throw error
      return this.#oneByOne(identifier)
    }
  }

  async #oneByOne(identifier: string): Promise<Pick<Read, 'attributes' | 'left' | 'bytesOnly'>> {
    try {
      return await this.#retries.ask(() => this.#server.attributesOneByOne(identifier))
    } catch (error) {
      if (!isAboutAnswer(error)) throw error
      return { attributes: [], left: [`all of them: ${error.message}`], bytesOnly: true }
    }
  }
}

/** Throws a refusal that says that the server is overloaded, so that the caller sends the whole message again. */
function throwPassing(outcome: ItemOutcome<'Get'>): void {
  if (!outcome.ok && isPassing(outcome.refused)) throw outcome.refused
}
