// Which machine uses which key, as a vCenter said: the part of the store that holds inventories. The comments are
// contracts; the store contract test holds every implementation to them. No logic here.

/** One use of a key by a machine. All fields together tell it from others; an empty text: not known. */
export interface InventoryRow {
  /** The key's UniqueIdentifier, as vCenter knows it. The instance may have no such key. */
  readonly key: string
  /** The kind of machine, such as `vm`. */
  readonly kind: string
  readonly name: string
  /** Tells machines of one name apart: vCenter's id of the machine. */
  readonly machineId: string
  /** The disk that has this key of its own; empty: the machine itself. */
  readonly disk: string
  /** The key provider's name in vCenter. */
  readonly provider: string
}

export interface InventoryRecord {
  readonly id: string
  readonly instanceId: string
  /** Labels the vCenter that it is of. An instance has one current inventory for each label. */
  readonly vcenter: string
  /** `open`: rows are still added. `current`: it counts. `gone`: its rows are to be removed. */
  readonly state: 'open' | 'current' | 'gone'
  /** When vCenter said it. */
  readonly takenMs: number
  /** When it became current; of an open one, when it was begun. */
  readonly importedMs: number
  readonly rows: number
}

export type InventoryWrite =
  /** Adds an open inventory without rows. */
  | { readonly type: 'inventory-begun'; readonly record: InventoryRecord }
  /**
   * Adds rows to an open inventory; a row that it has already is not added again. StoreConflict('inventory') if it is not
   * open, StoreConflict('inventory-rows') if it would have more than `rowsMax`.
   */
  | {
      readonly type: 'inventory-rows'
      readonly id: string
      readonly rows: readonly InventoryRow[]
      readonly rowsMax: number
    }
  /**
   * Makes an open inventory current. The one that the instance had with its label is gone. StoreConflict('inventory') if it
   * is not open.
   */
  | { readonly type: 'inventory-current'; readonly id: string; readonly importedMs: number }
  /** Does nothing where there is no such inventory. */
  | { readonly type: 'inventory-gone'; readonly id: string }
  /** All of an instance, open ones too. */
  | { readonly type: 'inventories-gone'; readonly instanceId: string }
  /** Removes at most so many rows of an inventory that is gone, and its record with the last of them. */
  | { readonly type: 'inventory-cleared'; readonly id: string; readonly rowsMax: number }

/** A row with the stored state of its key in the instance; null: the instance never had such a key. */
export interface FoundInventoryRow extends InventoryRow {
  readonly keyState: string | null
}

export interface KeyUse {
  /** Machines, each once, however many disks it has. */
  readonly machines: number
  /** The first of them. */
  readonly first: readonly Pick<InventoryRow, 'kind' | 'name'>[]
}

export interface InventoryStore {
  /** `instanceId` left out: of all instances, deleted ones too. */
  inventories(instanceId?: string): Promise<readonly InventoryRecord[]>
  /** In the order of key, kind, name, machineId, disk, provider, byte for byte; those behind `after`. */
  inventoryRows(query: {
    readonly id: string
    readonly after?: InventoryRow
    readonly limit: number
  }): Promise<readonly FoundInventoryRow[]>
  /** Which machines of one inventory use each of the keys, in the order of `keys`. `firstMax`: machines to name. */
  keyUses(query: {
    readonly id: string
    readonly keys: readonly string[]
    readonly firstMax: number
  }): Promise<readonly KeyUse[]>
}

export type UsingMachine = Pick<InventoryRow, 'kind' | 'name'>

export interface Use {
  readonly machines: number
  /** The first of them. */
  readonly first: readonly UsingMachine[]
  /** When the oldest of the inventories was taken that this is from. */
  readonly takenMs: number
}

/** The machines that use keys, as the imported inventories say. */
export interface KeyUses {
  /** The machines that use each of the keys, in their order; null: the instance has no inventory. */
  uses(instanceId: string, keys: readonly string[]): Promise<readonly Use[] | null>
  /** The keys of the machines that have a fitting name or id. */
  keysOfMachines(instanceId: string, fits: (nameOrId: string) => boolean): Promise<ReadonlySet<string>>
  /** The machines that use any key of the instance; null: it has no inventory. */
  useOf(instanceId: string): Promise<Use | null>
}
