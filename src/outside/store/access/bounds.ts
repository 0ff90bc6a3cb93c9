// Bounds that several files share, each with its unit last in the name.

/** The delay before access records are moved from their file into the audit log, and the delay before a retry. */
export const accessMoveMs = 400
export const accessMoveAgainMs = 1_000
/** The server refuses Gets while records wait longer than accessUnchainedMsMax for the audit log, or accessRecordsMax of them wait. */
export const accessUnchainedMsMax = 60_000
export const accessRecordsMax = 200_000
/** The interval at which the access log checks for records that wait too long, and tries whether it can store records again. */
export const accessLookMs = 1_000
/**
 * While the file is larger than this and has at most accessHoldRecords unmoved records, new records wait until those are moved.
 * While it is four times as large, new records wait in any case.
 */
export const accessLogBytes = 4 * 1024 * 1024
export const accessHoldRecords = 200
