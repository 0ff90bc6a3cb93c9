// `npm run fuzz`: mutated inputs into everything that reads bytes from outside (test/support/fuzz/targets.ts), for a while.
// Prints how many inputs ran, how fast, and how many outcomes were seen; each finding with its smallest input, which it also
// writes into a folder. Ends with 1 if there is one. The wire itself is attacked by `npm run fuzz:wire`.
//
//   TARGET ...     only these
//   --seconds N    for all targets together (60)
//   --inputs N     at most so many for each target
//   --seed N       repeats a run
//   --outcomes     also prints the most frequent outcomes
//   --blocks       also counts the blocks of src/wire/ttlv and src/wire/kmip that were reached, and lists the others; half as fast

import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { argumentsOf, misused, positiveNumber } from './arguments.ts'
import { BlockCounter } from '../test/support/fuzz/blocks.ts'
import { fuzz, summary, type Finding } from '../test/support/fuzz/engine.ts'

const usage = 'fuzz -- [--seconds N] [--inputs N] [--seed S] [--outcomes] [--blocks] [TARGET ...]'
const { values, positionals } = argumentsOf(usage, {
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    inputs: { type: 'string', default: '1000000000' },
    outcomes: { type: 'boolean', default: false },
    blocks: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
})

using blocks = new BlockCounter()
if (values.blocks) await blocks.start()
// What is counted is loaded afterwards.
const { fuzzTargets } = await import('../test/support/fuzz/targets.ts')
const all = fuzzTargets()
const chosen = all.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
if (chosen.length < positionals.length || chosen.length === 0)
  misused(usage, `The targets are ${all.map(({ name }) => name).join(', ')}`)

const seconds = positiveNumber(usage, '--seconds', values.seconds) / chosen.length
process.stdout.write(`fuzz | seed ${values.seed}, ${Math.round(seconds)} s for each target\n`)
for (const target of chosen) {
  const extent = {
    seed: positiveNumber(usage, '--seed', values.seed),
    inputs: positiveNumber(usage, '--inputs', values.inputs),
    seconds,
    onProgress: tell(target.name),
  }
  const result = await fuzz(target, extent)
  await target.close?.()
  const rate = Math.round(result.inputs / result.seconds)
  say(
    target.name,
    `${result.inputs} inputs, ${rate} a second, ${result.outcomes.size} outcomes, ${result.findings.length} findings`,
  )
  for (const finding of result.findings) report(target.name, finding)
  if (values.outcomes) tellOutcomes(target.name, result.outcomes)
}

if (values.blocks)
  for (const { room, reached, never } of await blocks.count(['ttlv', 'kmip'])) {
    const count = [...never.values()].flat().length
    say(`src/${room}`, `${reached} blocks reached, ${count} never`)
    for (const [file, lines] of never) say(`src/${room}`, `never: ${file} ${lines.join(' ')}`)
  }

function tell(name: string) {
  return (inputs: number, outcomes: number) => say(name, `${inputs} inputs, ${outcomes} outcomes so far`)
}

function tellOutcomes(name: string, outcomes: ReadonlyMap<string, number>): void {
  const most = [...outcomes].toSorted(([, a], [, b]) => b - a).slice(0, 100)
  for (const [outcome, times] of most) say(name, `${times} × ${outcome}`)
}

function report(name: string, { input, error }: Finding): void {
  process.exitCode = 1
  const folder = path.join(tmpdir(), 'mortise-fuzz')
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${name}-${Date.now()}-${input.length}.hex`)
  writeFileSync(file, `${input.toString('hex')}\n`)
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
  say(name, `FINDING ${summary(error)}: ${file}\n${trace}`)
}

function say(name: string, text: string): void {
  process.stdout.write(`fuzz | ${name.padEnd(20)} ${text}\n`)
}
