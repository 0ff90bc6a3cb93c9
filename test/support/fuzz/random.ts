// Random numbers that a seed repeats (xorshift), for the fuzzer, and values for a schema that follow from them.

import type { Choices } from '../values/schema-values.ts'

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  /** From 0, below `end`. */
  below(end: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % end
  }

  from<T>(list: readonly T[]): T {
    const one = list[this.below(list.length)]
    if (one === undefined) throw new RangeError('there is nothing to choose from')
    return one
  }
}

/** Limits, and what is near them, are as likely as all else together. */
export function randomChoices(random: Random): Choices {
  const isEdge = () => random.below(2) === 0
  return {
    boolean: () => random.below(2) === 0,
    whole: (min, max) => {
      const span = max - min + 1
      if (span <= 256 || !isEdge()) return min + random.below(span)
      return random.from([min, max, Math.max(min, random.below(256)), max - random.below(256)])
    },
    big: (min, max) => {
      if (isEdge()) return random.from([min, max, 0n, 1n, BigInt(random.below(256))])
      let bits = 0n
      for (let words = 0; words < 5; words++) bits = (bits << 32n) | BigInt(random.below(2 ** 32))
      return min + (bits % (max - min + 1n))
    },
    text: (lengthMax) => {
      const end = random.from([0x80, 0x80, 0x3000, 0x110000])
      const length = random.below(lengthMax + 1)
      return Array.from({ length }, () => String.fromCodePoint(scalar(random.below(end)))).join('')
    },
    bytes: (lengthMax) => Uint8Array.from({ length: random.below(lengthMax + 1) }, () => random.below(256)),
  }
}

/** Half of a surrogate pair is no character. */
function scalar(code: number): number {
  return code >= 0xd800 && code < 0xe000 ? 0x20 : code
}
