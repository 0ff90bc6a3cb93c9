// The states of each vCenter that its last readings gave: locked machines, hosts that are not in encryption mode though they need it, machines
// in which parts of this server run, and the key provider of the last connect. It keeps counts and the first names, and says them as conditions. Not here: the calls that read them (read-states.ts).

import { counted } from '../../base/text/counted.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { ConditionLines, Occurrence } from '../../core/conditions/line.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { ProviderHealth, ProviderStatus } from '../../outside/vsphere-api/key-providers.ts'
import type { Vcenter } from './vcenters.ts'

/** The names that a condition says. */
const firstNamesMax = 5
/**
 * A host that has just started waits for its key, and a node of this server that has just started is not reached: each counts once it
 * was so in two readings this far apart. It is less than the time between two readings, which is not exact.
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

/**
 * Whether vCenter says of a key provider that something is wrong. Gray is unknown: a vCenter may say nothing of the whole, and then its
 * servers decide.
 */
export function isNotGreen({ health, servers }: ProviderStatus): boolean {
  return isWrong(health) || (health === 'gray' && servers.some((server) => isWrong(server.health)))
}

function isWrong(health: ProviderHealth): boolean {
  return health === 'yellow' || health === 'red'
}

/** In vCenter's words, which server it does not reach, and which side does not trust the other. */
export function shownStatus({ health, servers }: ProviderStatus): string {
  const parts = servers
    .filter((server) => server.health !== 'green')
    .map(({ name, connection, clientTrustsServer, serverTrustsClient }) => {
      const trust = [
        ...(clientTrustsServer === false ? ['vCenter does not trust this server'] : []),
        ...(serverTrustsClient === false ? ['this server does not trust vCenter'] : []),
      ]
      return `${name}: ${[connection ?? 'no reason', ...trust].join(', ')}`
    })
  return [health, ...parts].join('; ')
}

/** The states of one reading. */
export interface MachineStates {
  readonly locked: FirstNames
  /** The hosts that are not safe, names by identifiers. */
  readonly notSafe: ReadonlyMap<string, string>
  /** The encrypted machines in which a part of this server runs, or vCenter. */
  readonly needed: readonly NeededMachine[]
}

export interface NeededMachine {
  readonly name: string
  /** `this server`, `its database` or `vCenter`. */
  readonly part: string
  /** The key of its home, or that of the vSAN datastore on which it lies. */
  readonly key: string
}

/** The states of one vCenter that conditions say. */
export interface VcenterStates {
  readonly locked: FirstNames
  readonly notSafe: FirstNames
  /** The machines that need a key of this server and without which it does not start, each with its part. */
  readonly needed: FirstNames
  /** The key provider that is not green, and vCenter's words about it. */
  readonly notGreen: { readonly provider: string; readonly words: string } | null
}

interface KnownMachines extends Pick<VcenterStates, 'locked' | 'notSafe' | 'needed'> {
  /** When each host that is not safe was first read as such; monotonic. */
  readonly since: ReadonlyMap<string, number>
}

interface KnownProvider {
  readonly provider: string
  readonly words: string
  /** When it was first read as not green, and last; monotonic. */
  readonly sinceMs: number
  readonly atMs: number
}

/** The states of all vCenters that this node reads, by their ids. */
export class States {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #machines = new Map<string, KnownMachines>()
  /** Key providers that are not green. */
  readonly #providers = new Map<string, KnownProvider>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  of({ id }: Pick<Vcenter, 'id'>): VcenterStates {
    const { locked, notSafe, needed } = this.#machines.get(id) ?? noMachines
    const known = this.#providers.get(id)
    return {
      locked,
      notSafe,
      needed,
      notGreen: known && known.atMs - known.sinceMs >= settledMs ? known : null,
    }
  }

  /** Undefined: this vCenter does not tell them. */
  noteMachines({ id }: Pick<Vcenter, 'id'>, states: MachineStates | undefined): void {
    if (!states) return void this.#machines.delete(id)
    const { locked, notSafe } = states
    const needed = new FirstNames(states.needed.map(({ name, part }) => `${name} (${part})`))
    const now = this.#clock.monotonic()
    const before = this.#machines.get(id)?.since
    const since = new Map([...notSafe.keys()].map((host) => [host, before?.get(host) ?? now]))
    const settled = [...notSafe].filter(([host]) => now - (since.get(host) ?? now) >= settledMs)
    this.#machines.set(id, {
      locked,
      notSafe: new FirstNames(settled.map(([, name]) => name)),
      needed,
      since,
    })
  }

  /** `words`: vCenter's, about a provider that is not green; null: it is green, or unknown. */
  noteProvider({ id }: Pick<Vcenter, 'id'>, provider: string, words: string | null): void {
    if (words === null) return void this.#providers.delete(id)
    const atMs = this.#clock.monotonic()
    const before = this.#providers.get(id)
    const sinceMs = before?.provider === provider ? before.sinceMs : atMs
    this.#providers.set(id, { provider, words, sinceMs, atMs })
  }

  get ids(): readonly string[] {
    return [...this.#machines.keys(), ...this.#providers.keys()]
  }

  forget(id: string): void {
    this.#machines.delete(id)
    this.#providers.delete(id)
  }

  clear(): void {
    this.#machines.clear()
    this.#providers.clear()
  }
}

const noMachines: KnownMachines = {
  locked: new FirstNames(),
  notSafe: new FirstNames(),
  needed: new FirstNames(),
  since: new Map(),
}

// ---------------------------------------------------------------- Conditions

const hostAction =
  'Make the key provider green in vCenter. Then, for each host there: Enable host encryption mode. If that fails, its events say why.'

const neededAction =
  'Decrypt these machines in vCenter (VM Policies, Datastore Default), move those on an encrypted vSAN datastore to another one, or move what runs there to a machine that needs no key of this server: docs/vcenter.md, "Where Mortise must not run".'

/** A vCenter that has a user for its inventory. */
export interface StatesOfVcenter {
  readonly vcenter: Pick<Vcenter, 'id' | 'name' | 'instanceId' | 'provider'>
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
  'vcenter-needs-own-key': {
    severity: 'critical',
    meaning:
      'Machines of a vCenter whose login is stored run this server, its database or that vCenter, as their guests report, and are encrypted with keys of this server, or lie on a vSAN datastore that is (for that vCenter, this does not count: hosts fetch the keys of vSAN without it). After a power failure they cannot start without this server, and it cannot start without them: then no encrypted machine starts.',
    action: neededAction,
    find: ({ vcenterStates }) =>
      vcenterStates.flatMap((one) => {
        const { needed } = one.states
        return occurrences(one, needed, {
          message: (where) =>
            `${counted(needed.count, 'machine')} of ${where} ${needed.count === 1 ? 'needs' : 'need'} a key of this server to start, and ${isOrAre(needed)} needed to start it: ${String(needed)}`,
          action: neededAction,
        })
      }),
  },
  'vcenter-provider-not-green': {
    severity: 'warning',
    meaning:
      'vCenter does not say green for the key provider of the last connect, in two readings some minutes apart. The message has its own words for the server that it does not reach, and for the side that does not trust the other. The server asks where a login is stored whose user has Cryptographer.ManageKeyServers; the role Read-only lacks it, and then nothing is known.',
    action:
      'Where a side does not trust the other, connect again, which changes only what is missing: mortise vcenter connect NAME. Where vCenter does not reach a server, check its name, the firewall and the port, and the server: mortise doctor ADDRESS.',
    find: ({ vcenterStates }) => vcenterStates.flatMap(notGreen),
  },
} as const satisfies ConditionLines<StateFacts>

/** After a connect with another provider, nothing is known of that one yet. */
function notGreen({ vcenter, instance, states }: StatesOfVcenter): readonly Occurrence[] {
  const { id, name, instanceId, provider } = vcenter
  if (!states.notGreen || states.notGreen.provider !== provider?.name) return []
  const connect = `mortise vcenter connect ${shellWord(name)} --instance ${shellWord(instance)}`
  return [
    {
      instanceId,
      about: id,
      message: `the vCenter ${name} of the instance ${instance} does not say green for the key provider ${provider.name}; it says ${states.notGreen.words}`,
      action: `Where a side does not trust the other, connect again, which changes only what is missing: ${connect}. Where vCenter does not reach a server, check its name, the firewall and the port, and the server: mortise doctor ADDRESS.`,
    },
  ]
}

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
