// Generates sequences, plays each to Mortise and to the model, and makes the first one on which they disagree as small as it
// gets. Sequences share instances until then; while it becomes smaller, each has new ones.

import * as fc from 'fast-check'
import { Mortise, type Pair } from './mortise.ts'
import { Disagreement, play } from './play.ts'
import { sequence } from './sequences.ts'

export interface Compared {
  readonly sequences: number
  readonly requests: number
}

const sequencesPerPair = 20

export async function compare(options: {
  readonly sequences: number
  readonly seed: number
  readonly onProgress?: (so: Compared) => void
}): Promise<Compared & { readonly seconds: number; readonly disagreement: string | undefined }> {
  await using mortise = new Mortise()
  const began = performance.now()
  let [sequences, requests, isFailed] = [0, 0, false]
  let pair: Pair | undefined
  const property = fc.asyncProperty(sequence, async (steps) => {
    if (!pair || isFailed || sequences % sequencesPerPair === 0) pair = await mortise.pair()
    try {
      requests += await play(steps, pair)
    } catch (error) {
      const isFirst = !isFailed
      isFailed = true
      // Where it takes what earlier sequences left, there is nothing to make smaller.
      if (isFirst && sequences % sequencesPerPair !== 0) await play(steps, await mortise.pair())
      throw error
    }
    if (!isFailed) sequences += 1
    options.onProgress?.({ sequences, requests })
  })
  const outcome = await fc.check(property, { numRuns: options.sequences, seed: options.seed })
  const seconds = (performance.now() - began) / 1_000
  return {
    sequences,
    requests,
    seconds,
    disagreement: outcome.failed ? textOf(outcome.errorInstance) : undefined,
  }
}

function textOf(error: unknown): string {
  if (error instanceof Disagreement) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
