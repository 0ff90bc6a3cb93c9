// Runs a target on mutated inputs. An input whose outcome was not seen before joins the corpus, so that the search follows
// what the target says of its inputs: the way through the code, as far as errors and results tell it. A thrown error is a
// finding, which is made as small as it gets. A seed repeats a run, as far as the target itself is the same each time.

import { mutate } from './mutate.ts'
import { Random } from './random.ts'

export interface Target {
  readonly name: string
  /** Inputs to begin with. */
  readonly seeds: () => readonly Buffer[] | Promise<readonly Buffer[]>
  readonly words?: readonly string[]
  /** Makes a new input sometimes, where the target can do better than damage an old one. */
  readonly make?: (random: Random) => Buffer
  /** How many of ten inputs are new, and how many of four of these stay undamaged. */
  readonly madeInTen?: number
  readonly wholeInFour?: number
  /** The outcome, in a few words. Throws what must not happen. */
  readonly run: (input: Buffer) => string | Promise<string>
  readonly close?: () => Promise<void>
}

export interface Finding {
  readonly input: Buffer
  readonly error: unknown
}

export interface Fuzzed {
  readonly inputs: number
  readonly seconds: number
  readonly outcomes: ReadonlyMap<string, number>
  readonly findings: readonly Finding[]
}

export interface Extent {
  readonly seed: number
  /** Whatever ends first. */
  readonly inputs: number
  readonly seconds: number
  readonly onProgress?: (inputs: number, outcomes: number) => void
}

const corpusMax = 5_000
const findingsMax = 10
const progressEveryMs = 10_000

export async function fuzz(target: Target, extent: Extent): Promise<Fuzzed> {
  const run = new Run(target, new Random(extent.seed))
  const began = performance.now()
  let told = began
  const { stackTraceLimit } = Error
  // Most inputs end in an error, and its trace would cost more than all else. Only a finding needs one.
  Error.stackTraceLimit = 0
  using _ = { [Symbol.dispose]: () => (Error.stackTraceLimit = stackTraceLimit) }
  for (const seed of await target.seeds()) await run.one(seed)
  while (run.inputs < extent.inputs && run.findings.length < findingsMax) {
    const now = performance.now()
    if (now - began > extent.seconds * 1_000) break
    if (now - told > progressEveryMs) {
      told = now
      extent.onProgress?.(run.inputs, run.outcomes.size)
    }
    await run.one(run.next())
  }
  const { inputs, outcomes, findings } = run
  return { inputs, seconds: (performance.now() - began) / 1_000, outcomes, findings }
}

class Run {
  readonly outcomes = new Map<string, number>()
  readonly findings: Finding[] = []
  inputs = 0
  readonly #target: Target
  readonly #random: Random
  readonly #corpus: Buffer[] = []
  readonly #found = new Set<string>()

  constructor(target: Target, random: Random) {
    this.#target = target
    this.#random = random
  }

  next(): Buffer {
    const { make, words = [], madeInTen = 4, wholeInFour = 1 } = this.#target
    const isNew = make !== undefined && this.#random.below(10) < madeInTen
    const base = isNew ? make(this.#random) : this.#random.from(this.#corpus)
    if (isNew && this.#random.below(4) < wholeInFour) return base
    return mutate(base, this.#random, { inputs: this.#corpus, words })
  }

  async one(input: Buffer): Promise<void> {
    this.inputs += 1
    // Targets may overwrite what they are given.
    const kept = Buffer.from(input)
    try {
      const outcome = await this.#target.run(input)
      const before = this.outcomes.get(outcome) ?? 0
      this.outcomes.set(outcome, before + 1)
      if (before === 0 || this.#corpus.length === 0) this.#keep(kept)
    } catch (error) {
      // A search begins somewhere, even where every seed is a finding.
      if (this.#corpus.length === 0) this.#keep(kept)
      const what = summary(error)
      if (this.#found.has(what)) return
      this.#found.add(what)
      const smallest = await this.#smallest(kept, what)
      this.findings.push({ input: smallest, error: await this.#traced(smallest, error) })
    }
  }

  #keep(input: Buffer): void {
    if (this.#corpus.length < corpusMax) this.#corpus.push(input)
    else this.#corpus[this.#random.below(corpusMax)] = input
  }

  /** Leaves out pieces while the same is found. */
  async #smallest(input: Buffer, what: string): Promise<Buffer> {
    let smallest = input
    for (
      let pieceBytes = Math.ceil(input.length / 2);
      pieceBytes >= 1;
      pieceBytes = Math.floor(pieceBytes / 2)
    )
      for (let at = 0; at < smallest.length;) {
        const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + pieceBytes)])
        if (await this.#finds(shorter, what)) smallest = shorter
        else at += pieceBytes
      }
    return smallest
  }

  /** The same error again, with its trace. */
  async #traced(input: Buffer, error: unknown): Promise<unknown> {
    Error.stackTraceLimit = 30
    try {
      await this.#target.run(Buffer.from(input))
      return error
    } catch (again) {
      return again
    } finally {
      Error.stackTraceLimit = 0
    }
  }

  async #finds(input: Buffer, what: string): Promise<boolean> {
    try {
      await this.#target.run(Buffer.from(input))
      return false
    } catch (error) {
      return summary(error) === what
    }
  }
}

/** Errors that differ in numbers and quoted texts only are the same. */
export function summary(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return (text.split('\n')[0] ?? '').replaceAll(/"[^"]*"|[0-9a-f]{8,}|\d+/g, '#').slice(0, 200)
}
