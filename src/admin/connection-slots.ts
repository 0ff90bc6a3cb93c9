// Who holds a connection to the admin API, and which one must give way when too many are held. One address can take
// connections from itself only, so it cannot keep the others out. Holds places only, closes nothing itself.

interface Slot {
  readonly subnet: string
  /** A request came on it at some time. */
  asked: boolean
  /** Requests that are being answered. */
  running: number
}

export class ConnectionSlots<C> {
  readonly #max: number
  readonly #perSubnetMax: number
  /** The connection without any progress for longest is first. */
  readonly #slots = new Map<C, Slot>()

  constructor(options: { readonly max: number; readonly perSubnetMax: number }) {
    this.#max = options.max
    this.#perSubnetMax = options.perSubnetMax
  }

  /**
   * Gives a new connection a place. Returns the connection that has to be closed for it: the new one itself where no
   * other may be, undefined where there is room. The caller closes it, and then calls `remove`.
   */
  add(connection: C, subnet: string): C | undefined {
    this.#slots.set(connection, { subnet, asked: false, running: 0 })
    const groups = Map.groupBy(this.#slots, ([, slot]) => slot.subnet)
    const own = groups.get(subnet) ?? []
    const crowded =
      own.length > this.#perSubnetMax
        ? [own]
        : this.#slots.size > this.#max
          ? [...groups.values()].filter(({ length }) => length >= own.length)
          : []
    if (crowded.length === 0) return undefined
    for (const group of crowded.toSorted((a, b) => b.length - a.length)) {
      const idle = group.filter(([other, { running }]) => other !== connection && running === 0)
      const [leaves] = idle.find(([, { asked }]) => !asked) ?? idle[0] ?? []
      if (leaves !== undefined) return leaves
    }
    return connection
  }

  /** Its handshake is done. */
  secured(connection: C): void {
    this.#toTheEnd(connection)
  }

  /** It has a request: it keeps its place until `ended`. */
  began(connection: C): void {
    const slot = this.#slots.get(connection)
    if (!slot) return
    slot.asked = true
    slot.running++
  }

  /** A request was answered, or given up. */
  ended(connection: C): void {
    const slot = this.#slots.get(connection)
    if (!slot) return
    slot.running--
    this.#toTheEnd(connection)
  }

  /** Those without a request at this moment. */
  idle(): readonly C[] {
    return [...this.#slots].filter(([, { running }]) => running === 0).map(([connection]) => connection)
  }

  remove(connection: C): void {
    this.#slots.delete(connection)
  }

  #toTheEnd(connection: C): void {
    const slot = this.#slots.get(connection)
    if (!slot) return
    this.#slots.delete(connection)
    this.#slots.set(connection, slot)
  }
}
