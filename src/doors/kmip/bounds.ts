// Bounds that several files share, each with its unit last in the name.

/** How many times as long as TTLV a message in XML or JSON may be: hexadecimal digits double it, names do more. */
export const textPerTtlvBytesMax = 4
