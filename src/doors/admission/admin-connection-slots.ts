// Keeps the connections to the admin API by subnet, and decides which one must close when there are too many. One
// address can take places from itself only, so it cannot keep others out. This file only counts; it closes nothing
// itself.

interface Slot {
  readonly subnet: string
  /** Whether a request ever came on this connection. */
  asked: boolean
  /** The number of requests that are being answered. */
  running: number
}

export class ConnectionSlots<C> {
  readonly #max: number
  readonly #perSubnetMax: number
  /** In order of their last progress, the oldest first. */
  readonly #slots = new Map<C, Slot>()

  constructor(options: { readonly max: number; readonly perSubnetMax: number }) {
    this.#max = options.max
    this.#perSubnetMax = options.perSubnetMax
  }

  /**
   * Adds a connection. Returns the connection that must close for it, or the new one itself if no other may close, or
   * undefined if there is room. The caller closes it and then calls `remove`.
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

  /** The handshake of the connection is done. */
  secured(connection: C): void {
    this.#toTheEnd(connection)
  }

  /** A request began; the connection keeps its place until `ended`. Returns how many of the connection are being answered. */
  began(connection: C): number {
    const slot = this.#slots.get(connection)
    if (!slot) return 0
    slot.asked = true
    return ++slot.running
  }

  /** A request was answered, or its client gave it up. */
  ended(connection: C): void {
    const slot = this.#slots.get(connection)
    if (!slot) return
    slot.running--
    this.#toTheEnd(connection)
  }

  /** The connections without a request at this moment. */
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
