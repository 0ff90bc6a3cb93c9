// A KMIP client whose every call is in the history, with what was answered.

import type { History } from './history.ts'
import { isRead, type Life, type Said, type What } from './key-model.ts'
import {
  customAttributesOf,
  digestOf,
  openTalk,
  reasons,
  stateOf,
  type Answer,
  type KmipTalk,
  type TalkOptions,
} from '../clients/kmip-talk.ts'

export interface RecordOptions {
  readonly history: History
  /** Its name in the history. */
  readonly client: string
  /**
   * After a restore from a root key's service alone, Pre-Active and Active keys are not told apart: both are noted as open.
   * Such a service may fail, too: a failure that is none of the key's state leaves open whether the call happened.
   */
  readonly beside?: 'service'
  /** The database may be gone: a failure that is none of the key's state leaves open whether the call happened. */
  readonly mayFail?: boolean
  /** Called with the key of each call of which nobody knows whether it happened. */
  readonly onUnknown?: (key: string) => void
}

/** The server answered what none of its keys accounts for. */
export class Unexpected extends Error {
  override readonly name = 'Unexpected'
}

export async function openRecorded(talk: TalkOptions, options: RecordOptions): Promise<RecordedTalk> {
  return new RecordedTalk(await openTalk(talk), options)
}

export class RecordedTalk {
  /** For what is not recorded. */
  readonly plain: KmipTalk
  /** How many calls nobody knows the outcome of. */
  unknown = 0
  readonly #options: RecordOptions

  constructor(plain: KmipTalk, options: RecordOptions) {
    this.plain = plain
    this.#options = options
  }

  close(): void {
    this.plain.close()
  }

  /** The new key's identifier. Throws if there is none. */
  async create(): Promise<string> {
    const { history, client } = this.#options
    const begun = history.begin(client, 'create')
    let key: string | null = null
    try {
      key = await this.plain.create()
      return key
    } finally {
      history.end(begun, key, { said: key === null ? 'nothing' : 'done' })
    }
  }

  get(key: string): Promise<Answer> {
    return this.#call(
      'get',
      key,
      () => this.plain.get(key),
      (answer) => {
        const digest = digestOf(answer)
        if (digest === undefined) throw new Unexpected(`Get of ${key} succeeded without material`)
        return { digest }
      },
    )
  }

  state(key: string): Promise<Answer> {
    return this.#call(
      'state',
      key,
      () => this.plain.askState(key),
      (answer) => ({ state: this.#lifeOf(answer) }),
    )
  }

  attributes(key: string): Promise<Answer> {
    return this.#call(
      'attributes',
      key,
      () => this.plain.attributes(key),
      (answer) => ({
        attributes: customAttributesOf(answer).toSorted(),
      }),
    )
  }

  add(key: string, name: string): Promise<Answer> {
    return this.#call(
      'add',
      key,
      () => this.plain.addAttribute(key, name, 'here'),
      () => ({}),
      name,
    )
  }

  activate(key: string): Promise<Answer> {
    return this.#call('activate', key, () => this.plain.activate(key))
  }

  revoke(key: string): Promise<Answer> {
    return this.#call('revoke', key, () => this.plain.revoke(key))
  }

  destroy(key: string): Promise<Answer> {
    return this.#call('destroy', key, () => this.plain.destroy(key))
  }

  async #call(
    what: What,
    key: string,
    ask: () => Promise<Answer>,
    shows: (answer: Answer) => Omit<Extract<Said, { said: 'done' }>, 'said'> = () => ({}),
    attribute?: string,
  ): Promise<Answer> {
    const { history, client } = this.#options
    const begun = history.begin(client, what, attribute)
    let said: Said = { said: 'nothing' }
    try {
      const answer = await ask()
      said = answer.ok ? { said: 'done', ...shows(answer) } : { said: this.#refusal(what, key, answer) }
      return answer
    } finally {
      history.end(begun, key, said)
      if (said.said === 'nothing') {
        this.unknown += 1
        if (!isRead(what)) this.#options.onUnknown?.(key)
      }
    }
  }

  #refusal(what: What, key: string, { reason, message }: Answer): 'not-found' | 'refused' | 'nothing' {
    const changes = what === 'activate' || what === 'revoke' || what === 'destroy' || what === 'add'
    if (reason === reasons.ItemNotFound) return 'not-found'
    if (reason === reasons.PermissionDenied && changes) return 'refused'
    // KMIP 1.4 §11.21
    if (reason === reasons.IllegalOperation && what === 'revoke') return 'refused'
    if (this.#options.beside === 'service' || this.#options.mayFail === true) return 'nothing'
    throw new Unexpected(`${what} of ${key} was refused: ${message}`)
  }

  #lifeOf(answer: Answer): Life | 'Open' {
    const state = stateOf(answer)
    if (state === undefined || state === 'Compromised') throw new Unexpected(`a key is ${state}`)
    const isOpen = state === 'PreActive' || state === 'Active'
    return isOpen && this.#options.beside === 'service' ? 'Open' : state
  }
}
