// Compares texts of people as they read them: whatever the case, and however the letters are composed (Unicode NFC: ü is one
// character or two).

export function folded(text: string): string {
  return text.normalize('NFC').toLowerCase()
}

/** A whole name as it may have been written; indexes hold names as they are. */
export function formsOf(name: string): readonly string[] {
  return [...new Set([name, name.normalize('NFC'), name.normalize('NFD')])]
}
