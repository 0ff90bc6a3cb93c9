// Remembers of each subnet (an IPv4 address, an IPv6 /64) whether a trusted client came from it, and how much of the
// thread's time its handshakes took lately. This decides only the order of handshakes: an address proves nothing and
// gives no client a key. Memory is bounded; the subnet that was seen longest ago is forgotten first.

import type { ListenerLimits } from '../kmip/listener-limits.ts'

/**
 * known: a trusted client authenticated from there, and its handshakes have an ordinary cost. These go first.
 * new: nothing is known of it; or it is known, and its handshakes cost too much to go first.
 * costly: its handshakes took much of the thread's time. These go last.
 */
export type Rank = 'known' | 'new' | 'costly'

interface Known {
  /** Monotonic milliseconds. */
  readonly authenticatedAt: number
  watchedUntil: number
}

interface Spent {
  readonly ms: number
  readonly at: number
}

type SubnetLimits = Pick<
  ListenerLimits,
  | 'subnetsRememberedMax'
  | 'subnetKnownForMs'
  | 'subnetWatchedForMs'
  | 'subnetKnownSpentMs'
  | 'subnetNewSpentMs'
  | 'subnetSpentMaxMs'
  | 'subnetForgivenMsPerSecond'
  | 'handshakeOrdinaryMs'
>

export class Subnets {
  readonly #limits: SubnetLimits
  readonly #now: () => number
  /** In order of their last trusted handshake. */
  readonly #known = new Map<string, Known>()
  /** In order of their last charge. */
  readonly #spent = new Map<string, Spent>()

  constructor(limits: SubnetLimits, now: () => number) {
    this.#limits = limits
    this.#now = now
  }

  rank(subnet: string): Rank {
    const spentMs = this.#spentMs(subnet)
    // A trusted client may share its address with an attacker whose handshakes are costly. It does not go last for
    // that.
    if (this.isKnown(subnet)) return spentMs < this.#limits.subnetKnownSpentMs ? 'known' : 'new'
    return spentMs < this.#limits.subnetNewSpentMs ? 'new' : 'costly'
  }

  /** Whether a trusted client authenticated from there lately, whatever handshakes have cost since. */
  isKnown(subnet: string): boolean {
    const known = this.#known.get(subnet)
    return known !== undefined && this.#now() - known.authenticatedAt < this.#limits.subnetKnownForMs
  }

  /** Whether each handshake is bounded and measured: for unknown subnets, and for known ones under suspicion. */
  isMetered(subnet: string): boolean {
    if (this.rank(subnet) !== 'known') return true
    return this.#now() < (this.#known.get(subnet)?.watchedUntil ?? 0)
  }

  /** A trusted certificate authenticated from there: its key signed the handshake, or one that this one resumes. */
  authenticated(subnet: string): void {
    const watchedUntil = this.#known.get(subnet)?.watchedUntil ?? 0
    remember(this.#known, subnet, { authenticatedAt: this.#now(), watchedUntil }, this.#limits)
  }

  /** An unmeasured handshake looked costly. To be measured costs a subnet only a little time. */
  watch(subnet: string): void {
    const known = this.#known.get(subnet)
    if (known !== undefined) known.watchedUntil = this.#now() + this.#limits.subnetWatchedForMs
  }

  /**
   * A piece of a handshake took the thread for `ms`. Known subnets pay only for more than an ordinary handshake
   * takes.
   */
  charge(subnet: string, ms: number): void {
    const { handshakeOrdinaryMs, subnetSpentMaxMs } = this.#limits
    const free = this.isKnown(subnet) ? handshakeOrdinaryMs : 0
    if (ms <= free) return
    const spentMs = Math.min(subnetSpentMaxMs, this.#spentMs(subnet) + ms - free)
    remember(this.#spent, subnet, { ms: spentMs, at: this.#now() }, this.#limits)
  }

  #spentMs(subnet: string): number {
    const spent = this.#spent.get(subnet)
    if (spent === undefined) return 0
    const forgivenMs = ((this.#now() - spent.at) / 1_000) * this.#limits.subnetForgivenMsPerSecond
    return Math.max(0, spent.ms - forgivenMs)
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V, limits: SubnetLimits): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > limits.subnetsRememberedMax && oldest !== undefined) map.delete(oldest)
}
