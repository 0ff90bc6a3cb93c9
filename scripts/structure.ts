// `npm run structure`: prints the measures of the code's structure beside their ceilings and goals. test/tidy.test.ts fails when a
// measure is above its ceiling in test/structure-ceilings.json; `-- --lower` writes what has fallen. `-- --list MEASURE` names what
// a measure counts. test/support/repository/structure.ts computes them from the sources alone.

import { argumentsOf, misused } from './arguments.ts'
import {
  loweredCeilings,
  measures,
  readCeilings,
  writeCeilings,
} from '../test/support/repository/structure.ts'

const usage = 'structure -- [--lower] [--list MEASURE]'
const { values: options } = argumentsOf(usage, {
  options: { lower: { type: 'boolean', default: false }, list: { type: 'string' } },
})

const found = measures()
const ceilings = readCeilings()
if (options.list !== undefined) {
  const measure = found.find(({ id }) => id === options.list)
  if (measure === undefined)
    misused(usage, `there is no measure ${options.list}; there are ${found.map(({ id }) => id).join(', ')}`)
  process.stdout.write(`${measure.parts.join('\n')}\n`)
} else {
  const width = Math.max(...found.map(({ what }) => what.length))
  process.stdout.write(`${'measure'.padEnd(width)}  today  ceiling  goal  id\n`)
  for (const { id, what, value, goal } of found)
    process.stdout.write(
      `${what.padEnd(width)}  ${String(value).padStart(5)}  ${String(ceilings[id] ?? '-').padStart(7)}  ${String(goal).padStart(4)}  ${id}\n`,
    )
}
if (options.lower) writeCeilings(loweredCeilings(found, ceilings))
