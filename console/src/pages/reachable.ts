// In which order the names of the server's certificate are offered to type into vCenter: what only this machine can reach comes last.

const onlyHere = /^(?:localhost|127\.|::1$)/i

export function isOnlyHere(name: string): boolean {
  return onlyHere.test(name)
}

/** Names before addresses, since a name can move to another machine; the order is kept otherwise. */
export function byReach(names: readonly string[]): readonly string[] {
  return names.toSorted((a, b) => rank(a) - rank(b))
}

function rank(name: string): number {
  if (isOnlyHere(name)) return 3
  if (/^[\d.]+$|:/.test(name)) return 2
  return name.includes('.') ? 0 : 1
}
