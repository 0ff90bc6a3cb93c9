// Bounds that several files share, each with its unit last in the name.

/** Access records: how soon they are moved from their file into the audit log, and tried again after a failure. */
export const accessMoveMs = 400
export const accessMoveAgainMs = 1_000
/** Gets are refused while access records wait longer than this for the audit log, or while more of them wait. */
export const accessUnchainedMsMax = 60_000
export const accessRecordsMax = 200_000
/** How often the server looks for such records, and tries whether records are taken again. */
export const accessLookMs = 1_000
/**
 * With more in the file, new records wait until those in it are moved, if these are few enough (accessHoldRecords); with four times as
 * much, in any case.
 */
export const accessLogBytes = 4 * 1024 * 1024
export const accessHoldRecords = 200
