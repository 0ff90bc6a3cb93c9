// What goes wrong on command between vCenter and its client, by the name of a method.

export const troubleKinds = {
  delay: 'waits `ms` before it begins',
  drip: 'answers one byte every `ms`',
  endless: 'answers with an envelope that never ends',
  huge: 'answers with an envelope of `bytes`',
  fault: 'answers the fault `fault`, with `message`, and does nothing',
  answer: 'answers one value, with `fields` or with `text`, and does nothing: a vCenter that lies',
  status: 'answers the HTTP status `status` with a web page, and does nothing',
  hang: 'never answers, and does nothing',
  'reset-before': 'resets the connection, and does nothing',
  'reset-after': 'does the work, and resets the connection before the answer',
  'reset-mid': 'does the work, and resets the connection in the middle of the answer',
  certificate: 'shows another certificate from now on, begins, and ends the connection after the answer',
  'end-session': 'ends all sessions, and then begins',
} as const

export interface Trouble {
  readonly kind: keyof typeof troubleKinds
  /** The method. Left out: all. */
  readonly on?: string
  /** How many calls it strikes. Left out: one. null: all until `calm`. */
  times?: number | null
  readonly ms?: number
  readonly bytes?: number
  readonly fault?: string
  readonly message?: string
  /** Simple fields of the fault or of the value: `privilegeId`. */
  readonly fields?: Readonly<Record<string, string>>
  readonly text?: string
  readonly status?: number
}

export class Troubles {
  #troubles: Trouble[] = []

  /** Throws an Error for a kind that is not there. */
  add(trouble: Trouble): void {
    if (!Object.hasOwn(troubleKinds, trouble.kind))
      throw new Error(`a trouble is one of ${Object.keys(troubleKinds).join(', ')}`)
    this.#troubles.push({ ...trouble })
  }

  calm(): void {
    this.#troubles = []
  }

  /** The trouble of this call, which counts as struck. */
  strike(method: string): Trouble | undefined {
    const trouble = this.#troubles.find(
      ({ on, times = 1 }) => (on === undefined || on === method) && (times === null || times > 0),
    )
    if (trouble && trouble.times !== null) trouble.times = (trouble.times ?? 1) - 1
    return trouble
  }
}
