// Bounds that several files share, each with its unit last in the name.

/** The bound for a request that is about the backups themselves: a slow folder is not a dead one. */
export const backupFolderWaitMs = 10_000
/** The interval of the checks whether a backup is due. */
export const backupTickMs = 10_000
/** How long the end of the server waits for a backup that is being given up. */
export const backupStopMs = 10_000
/** A condition warns of a backup that is later than this. */
export const backupGraceMs = 3600_000
