/** A URL or an address as errors quote it: a password may stand before its host. */
export function withoutLogin(text: string): string {
  return text.replace(/^([a-z]+:\/\/)?.*@/is, '$1...@')
}
