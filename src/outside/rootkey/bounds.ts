// Bounds that several files share, each with its unit last in the name.

/** From the request on, for the whole answer. */
export const rootKeyAnswerTimeoutMs = 10_000
/** A call with its retries. A KMIP client may be waiting for it. */
export const rootKeyCallTimeoutMs = 20_000
/** How often Mortise asks for a fresh token while the service refuses tokens. */
export const iamTokenFreshMs = 10_000
