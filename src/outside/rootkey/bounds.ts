// Bounds that several files share, each with its unit last in the name.

/** The longest time for the whole answer of a root key's service, counted from the moment at which there is a connection. */
export const rootKeyAnswerTimeoutMs = 10_000
/** The longest time for one call of a service with all its retries. A KMIP client may be waiting for it. */
export const rootKeyCallTimeoutMs = 20_000
/** The shortest time between two requests for a new token, while a service refuses tokens or does not renew them. */
export const iamTokenFreshMs = 10_000
