// Counts row by row what an inventory says about the keys of its instance. Pure.
//
// A machine is at another provider when vCenter gets its key elsewhere. The caller may name the providers of vCenter that are
// this instance; otherwise a provider is this instance if at least one of its keys is here. Rows without a provider count as
// this instance's.

import { inventoryNamesToldMax } from '../../doors/http/bounds.ts'
import type { FoundInventoryRow, Use, UsingMachine } from '../../core/ports/inventory.ts'

/** `missing`: the key was never here. `destroyed`: it was destroyed here. `elsewhere`: the machine is at another provider. */
export type MachineFinding = 'missing' | 'destroyed' | 'elsewhere'

export interface InventoryTally {
  /** Machines, each once. */
  readonly machines: number
  /** Machines with a key that is here and not destroyed: closing the keys closes them. */
  readonly used: number
  readonly firstUsed: readonly UsingMachine[]
  readonly missing: number
  readonly destroyed: number
  readonly elsewhere: number
  readonly providers: readonly ProviderTally[]
}

export interface ProviderTally {
  readonly provider: string
  readonly machines: number
  /** Whether it is this instance. */
  readonly ours: boolean
}

/** null: there is nothing to say about the row. */
export function findingOf(
  { keyState }: Pick<FoundInventoryRow, 'keyState'>,
  ours: boolean,
): MachineFinding | null {
  if (!ours) return 'elsewhere'
  if (keyState === null) return 'missing'
  return keyState.startsWith('Destroyed') ? 'destroyed' : null
}

interface Counted {
  known: boolean
  readonly machines: Set<string>
  /** By the verdict that a row has if the provider is this instance. */
  readonly byFinding: Record<'used' | 'missing' | 'destroyed', Set<string>>
}

export class UseTally {
  readonly #providers = new Map<string, Counted>()
  readonly #firstMax: number
  readonly #first = new Map<string, UsingMachine>()

  constructor(firstMax: number) {
    this.#firstMax = firstMax
  }

  add(row: FoundInventoryRow): void {
    const { kind, name, machineId, provider } = row
    const machine = [kind, name, machineId].join('\0')
    const counted = this.#counted(provider)
    counted.known ||= row.keyState !== null
    counted.machines.add(machine)
    const finding = findingOf(row, true)
    counted.byFinding[finding === 'missing' || finding === 'destroyed' ? finding : 'used'].add(machine)
    if (finding !== null) return
    if (this.#first.size < this.#firstMax) this.#first.set(machine, { kind, name })
  }

  /** `named`: the providers that are this instance; undefined: as the keys say. */
  result(named?: ReadonlySet<string>): InventoryTally {
    const all = [...this.#providers]
    const isOurs = ([provider, { known }]: (typeof all)[number]) =>
      named === undefined ? known || provider === '' : named.has(provider)
    const [ours, others] = [all.filter(isOurs), all.filter((one) => !isOurs(one))]
    return {
      machines: sizeOfAll(all.map(([, { machines }]) => machines)),
      used: sizeOfAll(all.map(([, { byFinding }]) => byFinding.used)),
      firstUsed: [...this.#first.values()],
      missing: sizeOfAll(ours.map(([, { byFinding }]) => byFinding.missing)),
      destroyed: sizeOfAll(ours.map(([, { byFinding }]) => byFinding.destroyed)),
      elsewhere: sizeOfAll(others.map(([, { machines }]) => machines)),
      providers: all.map((one) => {
        const [provider, { machines }] = one
        return { provider, machines: machines.size, ours: isOurs(one) }
      }),
    }
  }

  #counted(provider: string): Counted {
    const known = this.#providers.get(provider)
    if (known) return known
    const byFinding = { used: new Set<string>(), missing: new Set<string>(), destroyed: new Set<string>() }
    const counted = { known: false, machines: new Set<string>(), byFinding }
    this.#providers.set(provider, counted)
    return counted
  }
}

/** How many machines are in at least one of the sets. */
function sizeOfAll(sets: readonly ReadonlySet<string>[]): number {
  const [only, ...more] = sets
  if (only === undefined) return 0
  return more.length === 0 ? only.size : new Set(sets.flatMap((set) => [...set])).size
}

/** As of the oldest of the inventories that name a machine; of all, where none does. */
export function totalUse(uses: readonly Use[]): Use {
  const naming = uses.filter(({ machines }) => machines > 0)
  return {
    machines: naming.reduce((sum, { machines }) => sum + machines, 0),
    first: naming.flatMap(({ first }) => first).slice(0, inventoryNamesToldMax),
    takenMs: Math.min(...(naming.length > 0 ? naming : uses).map(({ takenMs }) => takenMs)),
  }
}
