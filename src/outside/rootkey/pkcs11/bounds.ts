// Bounds that several files share, each with its unit last in the name.

/** The longest time for a call of a helper process; then the server kills the process. Network HSMs fail over within some seconds. */
export const pkcs11CallMs = 15_000
