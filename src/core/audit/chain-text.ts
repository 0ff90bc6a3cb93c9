// The text from which an entry's hash is computed. The browser proves logs too, so nothing here needs Node.

/** The hash before a writer's first entry. */
export const chainStart = ''

/** `previous`: the hash of the entry before. For the first entry: `chainStart`. */
export function chainText(previous: string, body: string): string {
  return `${previous}\n${body}`
}
