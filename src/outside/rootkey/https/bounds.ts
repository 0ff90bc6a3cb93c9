// Bounds that several files share, each with its unit last in the name.

/** The pause before the first retry. It doubles with each retry; a random part makes each pause up to twice as long. */
export const rootKeyPauseMs = 100
