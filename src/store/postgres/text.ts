// PostgreSQL's text holds every character but U+0000, which identifiers and names of KMIP may have. Such texts are written with
// U+0001 before a letter, and so are those that have U+0001 themselves: no two texts become the same one.

const [zero, one] = ['\0', '\u0001']

export function toText(value: string): string {
  if (!value.includes(zero) && !value.includes(one)) return value
  return value.replaceAll(one, `${one}b`).replaceAll(zero, `${one}a`)
}

export function fromText(value: string): string {
  if (!value.includes(one)) return value
  return value.replaceAll(`${one}a`, zero).replaceAll(`${one}b`, one)
}
