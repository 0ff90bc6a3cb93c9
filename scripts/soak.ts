// `npm run soak [-- KILLS [CLIENTS [SEED]]]`: kills the real server under load, a thousand times unless told otherwise,
// and checks after each start that nothing acknowledged was lost. The same code as test/system/kill.test.ts, for longer; with
// a new data folder now and then, so that the audit log that is verified after each kill does not grow without end.

import { killUnderLoad } from '../test/support/killing.ts'

const killsPerFolder = 200

const [kills = 1_000, clients = 8, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
if (![kills, clients, seed].every((given) => Number.isSafeInteger(given) && given > 0)) {
  process.stderr.write('usage: npm run soak -- [KILLS [CLIENTS [SEED]]]\n')
  process.exit(2)
}
const startedMs = Date.now()
const say = (text: string): void => {
  const minutes = ((Date.now() - startedMs) / 60_000).toFixed(1)
  process.stdout.write(`${minutes} min: ${text}\n`)
}
say(`${kills} kills, ${clients} clients, seed ${seed}`)
for (let done = 0; done < kills; done += killsPerFolder) {
  const counts = await killUnderLoad({
    kills: Math.min(killsPerFolder, kills - done),
    clients,
    seed: seed + done,
    progress: (kill, { keys, counts: { fetched, unanswered } }) => {
      if (kill % 10 === 0)
        say(`${done + kill} kills; ${keys.size} keys, ${fetched} gets, ${unanswered} connections cut off`)
    },
  })
  say(`nothing was lost: ${JSON.stringify(counts)}`)
}
