// Bounds that several files share, each with its unit last in the name.

/** Clients, certificates, CAs and tokens of an instance, and certificates issued for it, to which those of the instance alone may add. */
export const trustRowsPerInstanceMax = 10_000
