// Bounds that several files share, each with its unit last in the name.

/**
 * Clients, certificates, CAs and tokens of an instance, and certificates issued for it. Tokens and people of the instance alone
 * may not add more.
 */
export const trustRowsPerInstanceMax = 10_000
