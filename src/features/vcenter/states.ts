// The states of each vCenter that its last readings gave: locked machines, and hosts that are not in encryption mode though they need it.
// It keeps counts and the first names, and says them as conditions. Not here: the calls that read them (read-states.ts).

import { counted } from '../../base/text/counted.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { ConditionLines, Occurrence } from '../../core/conditions/line.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Vcenter } from './vcenters.ts'

/** The names that a condition says. */
const firstNamesMax = 5
/**
 * A host that has just started waits for its key, and is no trouble: it counts once it was not safe in two readings this far apart. It
 * is less than the time between two readings, which are not exact.
 */
export const settledMs = 4 * 60_000

/** The count of some objects, and the names of the first ones. */
export class FirstNames {
  count = 0
  readonly first: string[] = []

  constructor(names: Iterable<string> = []) {
    for (const name of names) this.add(name)
  }

  add(name: string): void {
    this.count++
    if (this.first.length < firstNamesMax) this.first.push(name)
  }

  toString(): string {
    const more = this.count - this.first.length
    return this.first.join(', ') + (more > 0 ? `, and ${more} more` : '')
  }
}

/** A host as vCenter tells it. Undefined: vCenter does not tell. */
export interface HostState {
  /** `runtime.connectionState`. vCenter tells old values of a host that it does not reach. */
  readonly connection: string | undefined
  /** `runtime.cryptoState` */
  readonly crypto: string | undefined
  /** Whether it has a `runtime.cryptoKeyId`. */
  readonly hasKey: boolean
  readonly runsEncrypted: boolean
}

/**
 * Whether a host needs encryption mode and is not in it. `pendingIncapable`: a person turned the mode off, and the next start of the host
 * ends it, so only a machine that runs there needs it. vCenter may not tell the state, or tell one of a newer version: neither counts.
 */
export function isNotSafe({ connection, crypto, hasKey, runsEncrypted }: HostState): boolean {
  if (connection !== 'connected') return false
  if (crypto === 'incapable' || crypto === 'prepared') return hasKey || runsEncrypted
  return crypto === 'pendingIncapable' && runsEncrypted
}

/** The states of one reading. */
export interface MachineStates {
  readonly locked: FirstNames
  /** The hosts that are not safe, names by identifiers. */
  readonly notSafe: ReadonlyMap<string, string>
}

/** The states of one vCenter that conditions say. */
export interface VcenterStates {
  readonly locked: FirstNames
  readonly notSafe: FirstNames
}

interface Known extends VcenterStates {
  /** When each host that is not safe was first read as such; monotonic. */
  readonly since: ReadonlyMap<string, number>
}

export class States {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #known = new Map<string, Known>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Undefined: this node has not read it. */
  of({ id }: Pick<Vcenter, 'id'>): VcenterStates | undefined {
    return this.#known.get(id)
  }

  /** Undefined: this vCenter does not tell them. */
  note({ id }: Pick<Vcenter, 'id'>, states: MachineStates | undefined): void {
    if (!states) return this.forget(id)
    const { locked, notSafe } = states
    const now = this.#clock.monotonic()
    const before = this.#known.get(id)?.since
    const since = new Map([...notSafe.keys()].map((host) => [host, before?.get(host) ?? now]))
    const settled = [...notSafe].filter(([host]) => now - (since.get(host) ?? now) >= settledMs)
    this.#known.set(id, { locked, notSafe: new FirstNames(settled.map(([, name]) => name)), since })
  }

  get ids(): Iterable<string> {
    return this.#known.keys()
  }

  forget(id: string): void {
    this.#known.delete(id)
  }

  clear(): void {
    this.#known.clear()
  }
}

// ---------------------------------------------------------------- Conditions

const hostAction =
  'Make the key provider green in vCenter. Then, for each host there: Enable host encryption mode. If that fails, its events say why.'

/** A vCenter that this node has read. */
export interface StatesOfVcenter {
  readonly vcenter: Pick<Vcenter, 'id' | 'name' | 'instanceId'>
  /** Its name. */
  readonly instance: string
  readonly states: VcenterStates
}

export interface StateFacts {
  readonly vcenterStates: readonly StatesOfVcenter[]
}

export const stateConditions = {
  'vcenter-machine-locked': {
    severity: 'warning',
    meaning:
      'Machines of a vCenter whose login is stored are locked: they are encrypted, and their keys could not be fetched. A locked machine cannot be started or changed.',
    action:
      'See whether their keys are here: mortise inventory report. Make the key provider green in vCenter. Then unlock each machine there (Unlock VM).',
    find: ({ vcenterStates }) =>
      vcenterStates.flatMap((one) => {
        const { locked } = one.states
        const keys = `mortise inventory report --instance ${shellWord(one.instance)}`
        return occurrences(one, locked, {
          message: (where) =>
            `${counted(locked.count, 'machine')} of ${where} ${isOrAre(locked)} locked: ${String(locked)}`,
          action: `See whether their keys are here: ${keys}. Make the key provider green in vCenter. Then unlock each machine there (Unlock VM).`,
        })
      }),
  },
  'vcenter-host-not-safe': {
    severity: 'warning',
    meaning:
      'Hosts of a vCenter whose login is stored have a host key or run encrypted machines, and are not in encryption mode (crypto safe), in two readings some minutes apart. Such a host could not get its key, or a person turned the mode off.',
    action: hostAction,
    find: ({ vcenterStates }) =>
      vcenterStates.flatMap((one) => {
        const { notSafe } = one.states
        return occurrences(one, notSafe, {
          message: (where) =>
            `${counted(notSafe.count, 'host')} of ${where} ${isOrAre(notSafe)} not in encryption mode, and ${notSafe.count === 1 ? 'needs' : 'need'} it: ${String(notSafe)}`,
          action: hostAction,
        })
      }),
  },
} as const satisfies ConditionLines<StateFacts>

function isOrAre({ count }: FirstNames): string {
  return count === 1 ? 'is' : 'are'
}

/** `where`: the vCenter and its instance. */
function occurrences(
  { vcenter: { id, name, instanceId }, instance }: StatesOfVcenter,
  { count }: FirstNames,
  { message, action }: { readonly message: (where: string) => string; readonly action: string },
): readonly Occurrence[] {
  if (count === 0) return []
  const where = `the vCenter ${name} of the instance ${instance}`
  return [{ instanceId, about: id, message: message(where), action }]
}
