// Bounds that several files share, each with its unit last in the name.

/** The nice value of threads with long work, so that they give way to the thread that serves TLS. */
export const cryptoLongNice = 19
/** The thread that serves TLS computes on data up to this size itself. */
export const cryptoQuickBytes = 16 * 1024
/** Decrypted data that is held until its tag is verified, in one request and in parts. */
export const cryptoHeldBytesMax = 1024 * 1024
/** The longest RSA keys that the server makes or computes with. */
export const rsaBitsMax = 8_192
