// Which characters of a text that others wrote are shown by their code: those that are invisible, or that turn or hide what
// stands beside them.

/** Controls, formats (bidirectional ones too), private and unassigned characters, separators, combining marks in a row. */
const unusual = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}|\p{M}{3,}/gu

export function visible(text: string): readonly (string | { readonly code: string })[] {
  const parts: (string | { code: string })[] = []
  let end = 0
  for (const match of text.matchAll(unusual)) {
    if (match.index > end) parts.push(text.slice(end, match.index))
    for (const character of match[0])
      parts.push({ code: `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}` })
    end = match.index + match[0].length
  }
  if (end < text.length) parts.push(text.slice(end))
  return parts
}

/** Whether this is what people type who read the name: keyboards compose letters in one way, and names in either. */
export function isTyped(text: string, name: string): boolean {
  return text.normalize('NFC') === visibleText(name).normalize('NFC')
}

/** The same as one text: what people see, and can type. */
export function visibleText(text: string): string {
  return visible(text)
    .map((part) => (typeof part === 'string' ? part : part.code))
    .join('')
}
