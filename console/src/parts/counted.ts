// How many of something, in words that fit the number.

export function counted(count: number, what: string, several = `${what}s`): string {
  return count === 1 ? `One ${what}` : `${count} ${several}`
}
