// Decides which of the waiting requests runs next on the one thread that answers: a request of the group that used the
// least time, and within the group the members take turns. A group is an instance and a member one of its clients, so
// that many requests of one client, or many clients of one instance, delay a request of another instance by one turn.
// It holds order and counts only, and knows no clock.

/** The owner of a request. All untrusted peers form one group, with one member for each subnet. */
export interface Party {
  readonly group: string
  readonly member: string
}

interface Group<T> {
  /** At least the used time of the others when it arrived: an idle group saves up no time. */
  usedMs: number
  waiting: number
  /** The next in turn is first, each with its items in order of arrival. */
  readonly members: Map<string, T[]>
}

export class FairQueue<T> {
  /** Groups that wait, and idle groups whose used time still counts. */
  readonly #groups = new Map<string, Group<T>>()
  /** The used time of the group that `next` chose last. */
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

  /** Undefined if nobody waits. */
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

  /** Adds the time that an item of `next` has used. */
  charge({ group: name }: Party, usedMs: number): void {
    const group = this.#groups.get(name)
    if (group) group.usedMs += usedMs
    // While nobody waits, used time delays nobody.
    if (this.#waiting === 0 && this.#groups.size > 0) this.#groups.clear()
  }

  /** A linear search: there are about as many groups as busy instances. */
  #leastUsed(): Group<T> | undefined {
    let least: Group<T> | undefined
    for (const group of this.#groups.values())
      if (group.waiting > 0 && group.usedMs < (least?.usedMs ?? Infinity)) least = group
    return least
  }
}
