// Words of commands that people are shown, as a POSIX shell takes them: names hold spaces, and whatever else their givers like.

export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
