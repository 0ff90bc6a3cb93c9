// `npm run soak [-- KILLS [CLIENTS [SEED]]]`: kills the real server under load, a thousand times unless told otherwise,
// and checks after each start that nothing acknowledged was lost. The same code as test/kill.test.ts, for longer.

import { killUnderLoad } from '../test/support/killing.ts'

const [kills = 1_000, clients = 8, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
if (![kills, clients, seed].every((given) => Number.isSafeInteger(given) && given > 0)) {
  process.stderr.write('usage: npm run soak -- [KILLS [CLIENTS [SEED]]]\n')
  process.exit(2)
}
const startedMs = Date.now()
process.stdout.write(`${kills} kills, ${clients} clients, seed ${seed}\n`)
const done = await killUnderLoad({
  kills,
  clients,
  seed,
  progress: (kill, { keys, counts }) => {
    if (kill % 10 !== 0 && kill !== kills) return
    const minutes = ((Date.now() - startedMs) / 60_000).toFixed(1)
    process.stdout.write(
      `${minutes} min: ${kill} kills, ${keys.size} keys, ${counts.fetched} gets, ${counts.unanswered} connections cut off\n`,
    )
  },
})
process.stdout.write(`nothing was lost: ${JSON.stringify(done)}\n`)
