// Words in a row, as a sentence has them.

/** `a, b or c`; `word` stands before the last. */
export function listed(words: readonly string[], word: 'and' | 'or'): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} ${word} ${words.at(-1) ?? ''}`
}
