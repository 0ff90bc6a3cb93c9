// Damages inputs: bits, bytes, numbers at their limits, pieces that move, repeat or vanish, and pieces of other inputs.

import type { Random } from './random.ts'

const numbers = [
  0, 1, 2, 4, 7, 8, 15, 16, 127, 128, 255, 256, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
]

type Mutation = (bytes: Buffer, random: Random, others: Others) => Buffer

interface Others {
  readonly inputs: readonly Buffer[]
  /** The words of the target's language: names, brackets. */
  readonly words: readonly string[]
}

const mutations: readonly Mutation[] = [
  (bytes, random) =>
    changed(bytes, (copy, at) => (copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))), random),
  (bytes, random) => changed(bytes, (copy, at) => (copy[at] = random.below(256)), random),
  (bytes, random) =>
    changed(bytes, (copy, at) => (copy[at] = (copy[at] ?? 0) + random.from([1, -1, 8, -8, 16])), random),
  (bytes, random) =>
    changed(
      bytes,
      (copy, at) => at + 4 <= copy.length && copy.writeUInt32BE(random.from(numbers), at),
      random,
    ),
  (bytes, random) => {
    const [start, end] = piece(bytes, random)
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
  },
  (bytes, random) => {
    const [start, end] = piece(bytes, random)
    const at = random.below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(start, end), bytes.subarray(at)])
  },
  (bytes, random, { inputs }) => {
    const other = random.from(inputs)
    const [start, end] = piece(other, random)
    const [from, to] = piece(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), other.subarray(start, end), bytes.subarray(to)])
  },
  (bytes, random, { words }) => {
    if (words.length === 0) return bytes
    const [from, to] = piece(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), Buffer.from(random.from(words)), bytes.subarray(to)])
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
]

const inputBytesMax = 64 * 1024

/** One to eight mutations of a copy. */
export function mutate(bytes: Buffer, random: Random, others: Others): Buffer {
  let mutated = Buffer.from(bytes)
  for (let left = 1 + random.below(random.from([1, 2, 8])); left > 0; left--)
    mutated = Buffer.from(random.from(mutations)(mutated, random, others))
  return mutated.subarray(0, inputBytesMax)
}

function changed(bytes: Buffer, change: (copy: Buffer, at: number) => unknown, random: Random): Buffer {
  if (bytes.length > 0) change(bytes, random.below(bytes.length))
  return bytes
}

/** Short pieces are likelier, and items of TTLV are multiples of eight bytes. */
function piece(bytes: Buffer, random: Random): readonly [start: number, end: number] {
  const unit = random.from([1, 8])
  const start = random.below(Math.floor(bytes.length / unit) + 1) * unit
  const length = random.below(random.from([2, 8, 64, bytes.length + 1]) + 1) * unit
  return [start, Math.min(bytes.length, start + length)]
}
