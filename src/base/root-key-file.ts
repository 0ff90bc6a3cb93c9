// Root key files among the URIs of root keys.

/** Whether the URI names a root key file; a service or a token keeps any other root key. */
export function isRootKeyFile(uri: string): boolean {
  return /^file:/i.test(uri)
}
