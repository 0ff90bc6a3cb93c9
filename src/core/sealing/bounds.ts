// Bounds that several files share, each with its unit last in the name.

/** How often Mortise asks a root key again after a refusal, or while its service does not answer. */
export const rootKeyAskAgainMs = 5_000
