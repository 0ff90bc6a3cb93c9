// Bounds that several files share, each with its unit last in the name.

/** How many undelivered alerts the server keeps for people to see. */
export const alertsUndeliveredKept = 100
