// The short name of an error of a socket, for logs and metrics.

/** The code that Node or OpenSSL gives the error, or else its message. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
