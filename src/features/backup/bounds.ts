// Bounds that several files share, each with its unit last in the name.

/** The same for a request that is about the backups themselves: a slow folder is no dead one. */
export const backupFolderWaitMs = 10_000
/** How often it is looked whether a backup is due. */
export const backupTickMs = 10_000
/** How long the end of the server waits for a backup that is being given up. */
export const backupStopMs = 10_000
/** A backup that is so much later than it should be is warned about. */
export const backupGraceMs = 3600_000
