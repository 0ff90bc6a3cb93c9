// Tells the URIs of root key files from the URIs of other root keys.

/** Whether the URI names a root key file. Every other URI names a root key in a service or a token. */
export function isRootKeyFile(uri: string): boolean {
  return /^file:/i.test(uri)
}
