// How many of something, in words that fit the number.

const format = new Intl.NumberFormat()

export function counted(count: number, what: string, several = `${what}s`): string {
  return count === 1 ? `One ${what}` : `${numberText(count)} ${several}`
}

/** 2000000 becomes `2,000,000`, as the reader's machine writes it. */
export function numberText(count: number): string {
  return format.format(count)
}
