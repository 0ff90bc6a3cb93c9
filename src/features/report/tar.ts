// A tar archive of a few small files in memory (POSIX ustar). Names are short and ours, so no extension is needed.

export interface TarFile {
  readonly name: string
  readonly content: Buffer
}

const block = 512

/** Every file with mode 0600, of root, so that unpacking shows nothing to others. */
export function tarOf(files: readonly TarFile[], mtimeMs: number): Buffer {
  const parts = files.flatMap(({ name, content }) => [
    headerOf(name, content.length, Math.floor(mtimeMs / 1000)),
    content,
    Buffer.alloc((block - (content.length % block)) % block),
  ])
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

function headerOf(name: string, size: number, mtimeSeconds: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`${name} is too long a name for an archive`)
  const header = Buffer.alloc(block)
  header.write(name, 0)
  header.write(
    `${octal(0o600, 7)}${octal(0, 7)}${octal(0, 7)}${octal(size, 11)}${octal(mtimeSeconds, 11)}`,
    100,
  )
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')}\0`
}
