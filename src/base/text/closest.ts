// Suggests the known words that are closest to a mistyped one, by edit distance.

/** The known word with the smallest edit distance, however large it is. Empty if no word is known. */
export function nearest(text: string, known: readonly string[]): string {
  return ranked(text, known)[0]?.word ?? ''
}

/** The known words with the smallest distance, at most three. Empty if all are too different. */
function closest(text: string, known: readonly string[]): readonly string[] {
  const far = Math.max(1, Math.floor(text.length / 3))
  const candidates = ranked(text, known).filter(
    ({ word, distance }) => distance <= far && distance < word.length,
  )
  return candidates
    .filter(({ distance }) => distance === candidates[0]?.distance)
    .slice(0, suggestionsMax)
    .map(({ word }) => word)
}

/** `; did you mean \`key.get\` or \`key.check\`?`, or nothing. */
export function didYouMean(text: string, known: readonly string[]): string {
  const words = closest(text, known).map((word) => `\`${word}\``)
  return words.length === 0 ? '' : `; did you mean ${words.join(' or ')}?`
}

const suggestionsMax = 3

function ranked(text: string, known: readonly string[]) {
  return [...new Set(known)]
    .map((word) => ({ word, distance: editDistance(text.toLowerCase(), word.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)
}

/** Levenshtein distance. Each insertion, deletion and replacement counts 1. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same))
    }
    row = next
  }
  return row[b.length] ?? 0
}
