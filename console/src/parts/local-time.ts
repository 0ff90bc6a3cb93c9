// Times as a field of the browser holds them: in the reader's zone, to the minute, without the zone.

/** Empty: it is none. */
export function localText(at: string): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return ''
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** null: the text is none, or none yet, since the first digits of a year make years long ago. */
export function timeIn(text: string): string | null {
  const date = new Date(text)
  return date.getTime() >= 0 ? date.toISOString() : null
}
