// Bounds that several files share, each with its unit last in the name.

/** Those that could not be delivered, for people to see. */
export const alertsUndeliveredKept = 100
