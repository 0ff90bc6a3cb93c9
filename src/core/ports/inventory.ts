// The part of the store that holds inventories: which machine uses which key, as a vCenter listed it. The comments are contracts,
// which the store contract test checks for every implementation. No logic here.

import type { Turns } from '../../base/parts.ts'

/** One use of a key by a machine. All fields together identify it. An empty text: unknown. */
export interface InventoryRow {
  /** The key's UniqueIdentifier in vCenter. The instance may have no such key. */
  readonly key: string
  /** The kind of machine, such as `vm`. */
  readonly kind: string
  readonly name: string
  /** vCenter's id of the machine, which distinguishes machines with the same name. */
  readonly machineId: string
  /** The disk that has this key of its own. Empty: the machine itself. */
  readonly disk: string
  /** The key provider's name in vCenter. */
  readonly provider: string
}

export interface InventoryRecord {
  readonly id: string
  readonly instanceId: string
  /** The label of the vCenter. An instance has one current inventory for each label. */
  readonly vcenter: string
  /** `open`: the import still adds rows. `current`: it counts. `gone`: its rows are still to be removed. */
  readonly state: 'open' | 'current' | 'gone'
  /** When vCenter listed it. */
  readonly takenMs: number
  /** When it became current. For an open one: when its import began. */
  readonly importedMs: number
  readonly rows: number
}

export type InventoryWrite =
  /** Adds an open inventory without rows. */
  | { readonly type: 'inventory-begun'; readonly record: InventoryRecord }
  /**
   * Adds rows to an open inventory, except those that it has already. StoreConflict('inventory') if it is not open,
   * StoreConflict('inventory-rows') if it would have more than `rowsMax`.
   */
  | {
      readonly type: 'inventory-rows'
      readonly id: string
      readonly rows: readonly InventoryRow[]
      readonly rowsMax: number
    }
  /**
   * Makes an open inventory current. The former current inventory with the same label is then gone. StoreConflict('inventory') if
   * it is not open.
   */
  | { readonly type: 'inventory-current'; readonly id: string; readonly importedMs: number }
  /** Does nothing if there is no such inventory. */
  | { readonly type: 'inventory-gone'; readonly id: string }
  /** Marks all inventories of an instance as gone, including open ones. */
  | { readonly type: 'inventories-gone'; readonly instanceId: string }
  /** Removes at most `rowsMax` rows of an inventory that is gone, and with the last row also its record. */
  | { readonly type: 'inventory-cleared'; readonly id: string; readonly rowsMax: number }

/** A row with the stored state of its key in the instance. Null: the instance never had such a key. */
export interface FoundInventoryRow extends InventoryRow {
  readonly keyState: string | null
}

export interface MachineUse {
  /** Each machine counts once, however many disks it has. */
  readonly machines: number
  /** The first machines. */
  readonly first: readonly Pick<InventoryRow, 'kind' | 'name'>[]
}

export interface InventoryStore {
  /** Absent `instanceId`: inventories of all instances, including deleted ones. */
  inventories(instanceId?: string): Promise<readonly InventoryRecord[]>
  /** Rows after `after`, ordered by key, kind, name, machineId, disk, provider, byte for byte. */
  inventoryRows(query: {
    readonly id: string
    readonly after?: InventoryRow
    readonly limit: number
  }): Promise<readonly FoundInventoryRow[]>
  /** The machines of one inventory that use each of the keys, in the order of `keys`. `firstMax`: how many machines to name. */
  keyUses(query: {
    readonly id: string
    readonly keys: readonly string[]
    readonly firstMax: number
  }): Promise<readonly MachineUse[]>
}

export type UsingMachine = Pick<InventoryRow, 'kind' | 'name'>

export interface Use {
  readonly machines: number
  /** The first machines. */
  readonly first: readonly UsingMachine[]
  /** When the oldest of the inventories behind this answer was taken. */
  readonly takenMs: number
}

/** The machines that use keys, by the imported inventories. */
export interface KeyUses {
  /** The machines that use each of the keys, in the order of `keys`. Null: the instance has no inventory. */
  uses(instanceId: string, keys: readonly string[]): Promise<readonly Use[] | null>
  /** The keys of the machines whose name or id fits. Reads every row, in the turns of the request. */
  keysOfMachines(
    instanceId: string,
    fits: (nameOrId: string) => boolean,
    turns: Turns,
  ): Promise<ReadonlySet<string>>
  /** The machines that use any key of the instance. Null: it has no inventory. */
  useOf(instanceId: string): Promise<Use | null>
}
