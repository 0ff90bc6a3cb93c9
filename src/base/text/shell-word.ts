// Quotes a word of a command that people copy into a POSIX shell, since names may hold spaces and other special characters.

export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
