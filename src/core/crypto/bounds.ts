// Bounds that several files share, each with its unit last in the name.

/** How far threads with long work give way to the thread that serves TLS. */
export const cryptoLongNice = 19
/** Data up to this size is computed on at once, on the thread that serves TLS. */
export const cryptoQuickBytes = 16 * 1024
/** Decrypted data that waits until its tag was found right, in one request and in parts. */
export const cryptoHeldBytesMax = 1024 * 1024
/** RSA key pairs that the server makes, and keys that it computes with. */
export const rsaBitsMax = 8_192
