// Bounds that several files share, each with its unit last in the name.

/** How often Mortise asks again after a refusal of a root key, or while its service does not answer. */
export const rootKeyAskAgainMs = 5_000
