// Compares texts as people read them: without regard to case, and to how letters are composed (Unicode NFC: ü is one character or
// two).

export function folded(text: string): string {
  return text.normalize('NFC').toLowerCase()
}

/** The ways in which a whole name may be spelled. An index holds names as they were written. */
export function formsOf(name: string): readonly string[] {
  return [...new Set([name, name.normalize('NFC'), name.normalize('NFD')])]
}
