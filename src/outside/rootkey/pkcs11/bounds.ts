// Bounds that several files share, each with its unit last in the name.

/** A call of a PKCS #11 module, after which its process is killed. Network HSMs fail over within some seconds. */
export const pkcs11CallMs = 15_000
