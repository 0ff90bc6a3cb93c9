// Whose work is next, of all that waits for the one thread: the group that used the least time of late, and in it each
// member in turn. A group is an instance, a member one of its clients, so that neither many requests of one client nor
// many clients of one instance delay another's by more than a turn. Holds order and counts only: knows no clock.

/** Who waits. All strangers are one group, with a member for each subnet. */
export interface Party {
  readonly group: string
  readonly member: string
}

interface Group<T> {
  /** Never below what the others had used when it came, so that nobody saves up time by being idle. */
  usedMs: number
  waiting: number
  /** The next in turn first, each with its items in order of arrival. */
  readonly members: Map<string, T[]>
}

export class FairQueue<T> {
  /** Those that wait, and those that used more than the others and may come back soon. */
  readonly #groups = new Map<string, Group<T>>()
  /** What the group that was served last had used before. */
  #floorMs = 0
  #waiting = 0

  get waiting(): number {
    return this.#waiting
  }

  enter({ group: name, member }: Party, item: T): void {
    let group = this.#groups.get(name)
    if (!group) {
      group = { usedMs: this.#floorMs, waiting: 0, members: new Map() }
      this.#groups.set(name, group)
    } else if (group.waiting === 0) {
      group.usedMs = Math.max(group.usedMs, this.#floorMs)
    }
    const items = group.members.get(member)
    if (items) items.push(item)
    else group.members.set(member, [item])
    group.waiting += 1
    this.#waiting += 1
  }

  /** Undefined where nobody waits. */
  next(): T | undefined {
    const group = this.#leastUsed()
    const [turn] = group?.members ?? []
    if (!group || !turn) return undefined
    const [member, items] = turn
    const item = items.shift()
    group.members.delete(member)
    if (items.length > 0) group.members.set(member, items)
    group.waiting -= 1
    this.#waiting -= 1
    this.#floorMs = group.usedMs
    return item
  }

  /** What `next` gave has used the thread for so long. */
  charge({ group: name }: Party, usedMs: number): void {
    const group = this.#groups.get(name)
    if (group) group.usedMs += usedMs
    // When nobody waits, nobody had to wait for what was used.
    if (this.#waiting === 0) this.#groups.clear()
  }

  /** There are about as many groups as instances that are at work. */
  #leastUsed(): Group<T> | undefined {
    let least: Group<T> | undefined
    for (const group of this.#groups.values())
      if (group.waiting > 0 && group.usedMs < (least?.usedMs ?? Infinity)) least = group
    return least
  }
}
