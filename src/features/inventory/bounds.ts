// Bounds that several files share, each with its unit last in the name.

/** Rows of one inventory. */
export const inventoryRowsMax = 100_000
/** A name of a machine, a disk, a provider or a vCenter. */
export const inventoryTextCharactersMax = 255
/** Rows of one request. */
export const inventoryBatchRowsMax = 2_000
/** vCenters of one instance, and imports into it that are under way. */
export const inventoriesPerInstanceMax = 8
export const inventoriesOpenMax = 4
/** An import that takes longer was interrupted. */
export const inventoryOpenMsMax = 3600_000
/** How far ahead the clock of the machine may be on which an inventory was taken. */
export const inventoryAheadMsMax = 3600_000
/** The interval at which the condition counts machines whose key is missing. */
export const inventoryLookEveryMs = 5 * 60_000
/** Keys that one step looks up. */
export const inventoryStepKeys = 100
