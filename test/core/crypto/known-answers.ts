// The published vectors of test/core/crypto/vectors, and a computation over data in one piece or cut into parts.

import { randomInt, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Ending, Finished } from '../../../src/core/crypto/machine.ts'
import type { Opening } from '../../../src/core/crypto/openings.ts'
import { computeWhole, takePart } from '../../../src/core/crypto/streams.ts'

/** The file's content, for its test to say what it holds. */
export function vectors(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`vectors/${file}`, import.meta.url), 'utf8'))
}

export function hex(text: string): Uint8Array
export function hex(text: string | undefined): Uint8Array | undefined
export function hex(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'hex')
}

export interface Answer {
  readonly data: string
  readonly tag: string | undefined
  readonly valid: boolean | undefined
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('hex')
}

function answer({ data, tag, valid }: Finished): Answer {
  return { data: text(data) ?? '', tag: text(tag), valid }
}

export function whole(opening: Opening, data: Uint8Array, ending: Ending = {}): Answer {
  return answer(computeWhole({ opening, data, ending }))
}

/** The same in up to four parts, cut anywhere. */
export function inParts(opening: Opening, data: Uint8Array, ending: Ending = {}): Answer {
  const id = randomUUID()
  const cuts = [0, 1, 2].map(() => randomInt(data.length + 1)).toSorted((a, b) => a - b)
  const edges = [0, ...cuts, data.length]
  const parts = edges.slice(1).map((edge, index) => data.subarray(edges[index], edge))
  const said = parts.map((part, index) =>
    takePart({
      id,
      opening: index === 0 ? opening : undefined,
      data: part,
      ending: index === parts.length - 1 ? ending : undefined,
    }),
  )
  const last = said.at(-1) ?? {}
  return answer({ ...last, data: Buffer.concat(said.map(({ data: part }) => part ?? new Uint8Array(0))) })
}
