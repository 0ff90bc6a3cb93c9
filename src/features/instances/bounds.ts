// Bounds that several files share, each with its unit last in the name.

/** The longest delay of an instance. */
export const destroyDelaySecondsMax = 366 * 24 * 3600
