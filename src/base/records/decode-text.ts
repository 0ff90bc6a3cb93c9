// Decodes the text of a file as its bytes arrive: UTF-8, or the UTF-16 that Windows PowerShell 5 writes. The first bytes decide
// which: a byte order mark, or a NUL beside the first character.

import { InventoryFileError } from './file-error.ts'

/** The largest file to import. */
const inventoryFileBytesMax = 64 * 1024 * 1024

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be'

/** Yields text without a byte order mark. Throws InventoryFileError. */
export async function* decodeText(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder> | undefined
  let encoding: Encoding = 'utf-8'
  let start: Uint8Array = new Uint8Array()
  let [total, lines] = [0, 1]
  const decode = (part: Uint8Array, stream: boolean): string => {
    try {
      const text = decoder?.decode(part, { stream }) ?? ''
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++
      return text
    } catch (error) {
      throw undecodable(lines, encoding, error)
    }
  }
  const begin = (): string => {
    encoding = encodingOf(start)
    decoder = new TextDecoder(encoding, { fatal: true })
    return decode(start, true)
  }
  for await (const part of bytes) {
    total += part.length
    if (total > inventoryFileBytesMax)
      throw new InventoryFileError(
        null,
        `it has more than ${String(inventoryFileBytesMax / 1024 / 1024)} MiB`,
        'Import the machines of each vCenter by themselves, each with --vcenter NAME.',
      )
    if (decoder) yield decode(part, true)
    else {
      start = Buffer.concat([start, part])
      if (start.length >= 4) yield begin()
    }
  }
  if (!decoder) yield begin()
  yield decode(new Uint8Array(), false)
}

function encodingOf([a, b, c, d]: Uint8Array): Encoding {
  if (a === 0xff && b === 0xfe) return 'utf-16le'
  if (a === 0xfe && b === 0xff) return 'utf-16be'
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return 'utf-16le'
  if (a === 0 && b !== 0 && c === 0 && d !== 0) return 'utf-16be'
  return 'utf-8'
}

function undecodable(line: number, encoding: Encoding, cause: unknown): Error {
  if (!(cause instanceof TypeError)) return cause instanceof Error ? cause : new Error(String(cause))
  return new InventoryFileError(
    null,
    `near line ${String(line)} or behind it are bytes that are not ${encoding === 'utf-8' ? 'UTF-8' : 'UTF-16'}`,
    'Write the file again in UTF-8: Export-Csv -NoTypeInformation -Encoding utf8',
  )
}
