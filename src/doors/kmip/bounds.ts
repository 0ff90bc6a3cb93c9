// Bounds that several files share, each with its unit last in the name.

/** A message in XML or JSON may be this many times as long as its TTLV. Hexadecimal digits double the length, and names add to it. */
export const textPerTtlvBytesMax = 4
