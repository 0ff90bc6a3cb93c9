// Bounds that several files share, each with its unit last in the name.

export const checkpointEveryMs = 60_000
