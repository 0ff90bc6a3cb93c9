// A number with its noun, for sentences that people read.

/** `1 key`, `2 keys`. `several`: the plural, where it is not the noun and an s. */
export function counted(count: number, noun: string, several = `${noun}s`): string {
  return `${String(count)} ${count === 1 ? noun : several}`
}

/** `1 key or other object`, `2 keys and other objects`. It counts managed objects, most of which are keys. */
export function keysAndObjects(count: number): string {
  return counted(count, 'key or other object', 'keys and other objects')
}
