// Every call of every client to a server under test: when it began, when it was answered, and with what. Moments are
// numbers that count up, so that the order of any two is known. history-check.ts judges the whole.

import { writeFileSync } from 'node:fs'
import type { Act, Said, What } from './key-model.ts'

export interface Call extends Act {
  readonly key: string
  readonly client: string
  readonly start: number
  /** When its answer came. A call without an answer can no longer happen from this moment on; Infinity: nobody knows. */
  readonly end: number
}

/** A call that was begun. */
export interface Begun {
  readonly client: string
  readonly what: What
  readonly attribute?: string
  readonly start: number
}

export class History {
  readonly #byKey = new Map<string, Call[]>()
  /** Where unanswered calls stand that may still happen. */
  readonly #open: { readonly list: Call[]; readonly index: number }[] = []
  #moment = 0
  #createsUnanswered = 0

  get keys(): ReadonlyMap<string, readonly Call[]> {
    return this.#byKey
  }

  get count(): number {
    return [...this.#byKey.values()].reduce((sum, { length }) => sum + length, 0)
  }

  /** Creates of which nobody learned the identifier. */
  get createsUnanswered(): number {
    return this.#createsUnanswered
  }

  begin(client: string, what: What, attribute?: string): Begun {
    return { client, what, start: this.#next(), ...(attribute !== undefined && { attribute }) }
  }

  /** `key`: null for a Create whose answer did not come. */
  end(begun: Begun, key: string | null, answer: Said): void {
    if (key === null) {
      this.#createsUnanswered += 1
      return
    }
    const end = answer.said === 'nothing' ? Infinity : this.#next()
    const call: Call = { ...begun, key, answer, end }
    const list = this.#byKey.get(key) ?? []
    this.#byKey.set(key, list)
    if (list.push(call) > 0 && end === Infinity) this.#open.push({ list, index: list.length - 1 })
  }

  /** The server is dead, and nothing acts for it: a call that it did not carry out until now never happens. */
  serverIsDead(): void {
    const end = this.#next()
    for (const { list, index } of this.#open.splice(0)) {
      const call = list[index]
      if (call) list[index] = { ...call, end }
    }
  }

  /** The database is gone, and the keys are restored from their root key's service. */
  restored(): void {
    for (const key of this.#byKey.keys()) this.end(this.begin('restore', 'restored'), key, { said: 'done' })
  }

  /** One call a line. */
  save(file: string): void {
    const lines = [...this.#byKey.values()].flat().toSorted((one, other) => one.start - other.start)
    writeFileSync(file, lines.map((call) => JSON.stringify(call) + '\n').join(''))
  }

  #next(): number {
    this.#moment += 1
    return this.#moment
  }
}
