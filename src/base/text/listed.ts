// Joins words into a list within a sentence.

/** `a, b or c`. `word` stands before the last one. */
export function listed(words: readonly string[], word: 'and' | 'or'): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} ${word} ${words.at(-1) ?? ''}`
}
