// Reads a file of key identifiers, and cuts long lists into parts that fit a request of the admin API.

import { adminPartBytesMax, adoptRequestIdentifiersMax } from '../../base/bounds.ts'
import { readNamed } from './files.ts'
import { parseIdentifiers } from './identifiers.ts'

export async function readIdentifiers(file: string): Promise<readonly string[]> {
  return parseIdentifiers(await readNamed(file), file)
}

/** Splits the identifiers into parts that each fit into a request. */
export function identifierParts(ids: readonly string[]): readonly string[][] {
  const all: string[][] = []
  let bytes = Infinity
  for (const id of ids) {
    const last = all.at(-1)
    bytes += Buffer.byteLength(JSON.stringify(id)) + 1
    if (last && bytes <= adminPartBytesMax && last.length < adoptRequestIdentifiersMax) last.push(id)
    else {
      all.push([id])
      bytes = Buffer.byteLength(JSON.stringify(id))
    }
  }
  return all
}
