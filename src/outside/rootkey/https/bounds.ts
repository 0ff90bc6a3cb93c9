// Bounds that several files share, each with its unit last in the name.

/** The first pause before a retry. It doubles with each retry, and is up to twice as long by chance. */
export const rootKeyPauseMs = 100
