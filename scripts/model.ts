// `npm run model`: plays generated sequences of requests to Mortise and to the model in test/model/, and compares the answers
// (test/support/model/).
// Prints how many ran and how fast; of a disagreement the smallest sequence, as a list of requests. Ends with 1 then.
//
//   --sequences N   how many (2,000)
//   --seed N        repeats a run

import { argumentsOf, positiveNumber } from './arguments.ts'
import { compare } from '../test/support/model/compare.ts'

const usage = 'model -- [--sequences N] [--seed S]'
const { values } = argumentsOf(usage, {
  options: {
    sequences: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
})

const everyMs = 10_000
let toldMs = performance.now()
const { sequences, requests, seconds, disagreement } = await compare({
  sequences: positiveNumber(usage, '--sequences', values.sequences),
  seed: positiveNumber(usage, '--seed', values.seed),
  onProgress(so) {
    if (performance.now() - toldMs < everyMs) return
    toldMs = performance.now()
    say(`${so.sequences} sequences, ${so.requests} requests so far`)
  },
})
say(
  `seed ${values.seed}: ${sequences} sequences, ${requests} requests, ${Math.round(requests / seconds)} a second`,
)
if (disagreement !== undefined) {
  process.exitCode = 1
  process.stdout.write(`${disagreement}\n`)
}

function say(text: string): void {
  process.stdout.write(`model | ${text}\n`)
}
