// Patterns in which `*` stands for any text, including none. Both functions take time proportional to the product of
// the lengths, whatever the pattern. They use no regular expressions.

/** Null is `*`; any other element is one character. */
export type Glob = readonly (string | null)[]

/** A `\` makes the next character literal. */
export function parseGlob(text: string): Glob {
  const glob: (string | null)[] = []
  let escaped = false
  for (const character of text) {
    if (!escaped && character === '\\') {
      escaped = true
      continue
    }
    glob.push(!escaped && character === '*' ? null : character)
    escaped = false
  }
  if (escaped) glob.push('\\')
  return glob
}

/** Whether the pattern matches the whole text. Case-sensitive. */
export function globMatches(glob: Glob, text: string): boolean {
  return globsOverlap(glob, Array.from(text))
}

/** Whether some text matches both patterns. */
export function globsOverlap(a: Glob, b: Glob): boolean {
  // reachable[j]: some text matches both the processed part of `a` and the first j elements of `b`.
  let reachable = Array.from(b, () => false)
  reachable.unshift(true)
  for (const [j, part] of b.entries()) reachable[j + 1] = part === null && reachable[j] === true
  for (const part of a) {
    const next = [part === null && reachable[0] === true]
    for (const [j, other] of b.entries()) {
      const both = reachable[j] === true && (part === null || other === null || part === other)
      const starOfA = part === null && (reachable[j + 1] === true || next[j] === true)
      const starOfB = other === null && (reachable[j + 1] === true || next[j] === true)
      next.push(both || starOfA || starOfB)
    }
    reachable = next
  }
  return reachable[b.length] === true
}
