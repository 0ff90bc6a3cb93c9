/** Removes a login from a URL or an address before an error quotes it, since a password may precede the host. */
export function withoutLogin(text: string): string {
  return text.replace(/^([a-z]+:\/\/)?.*@/is, '$1...@')
}
