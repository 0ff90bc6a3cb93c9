// PostgreSQL's text holds every character but U+0000, which identifiers and names of KMIP may have. Such texts are written with
// U+0001 before a letter, and so are those that have U+0001 themselves: no two texts become the same one. Bytes are read in both
// forms that PostgreSQL has for them: which one it sends is the default of a role or a database (bytea_output).

const [zero, one] = ['\0', '\u0001']

export function toText(value: string): string {
  if (!value.includes(zero) && !value.includes(one)) return value
  return value.replaceAll(one, `${one}b`).replaceAll(zero, `${one}a`)
}

export function fromText(value: string): string {
  if (!value.includes(one)) return value
  return value.replaceAll(`${one}a`, zero).replaceAll(`${one}b`, one)
}

export function fromBytes(value: string): Buffer {
  if (value.startsWith(String.raw`\x`)) return Buffer.from(value.slice(2), 'hex')
  const escaped = /\\(\\|[0-7]{3})/g
  const text = value.replaceAll(escaped, (_, what: string) =>
    what.length === 1 ? what : String.fromCodePoint(Number.parseInt(what, 8)),
  )
  return Buffer.from(text, 'latin1')
}
