// `npm run soak -- [--custody keyprotect] [KILLS [CLIENTS [SEED]]]`: kills the real server under load, a thousand times
// unless told otherwise, and judges after each start the recorded history of every call (test/support/history-check.ts). The same code as
// test/system/kill.test.ts, for longer; with a new data folder now and then, so that the audit log that is verified after
// each kill does not grow without end. With custody keyprotect two hundred times, beside the fake of Key Protect
// (test/system/kill-keyprotect.test.ts); CLIENTS is always three there.

import path from 'node:path'
import { parseArgs } from 'node:util'
import { killUnderLoad } from '../test/support/killing.ts'
import { killKeyProtect } from '../test/support/killing-keyprotect.ts'

const killsPerFolder = 200

const { values, positionals } = parseArgs({
  options: { custody: { type: 'string', default: 'database' } },
  allowPositionals: true,
})
const isKeyProtect = values.custody === 'keyprotect'
const [kills = isKeyProtect ? 200 : 1_000, clients = 8, seed = Date.now() % 2 ** 31] = positionals.map(Number)
const areNumbers = [kills, clients, seed].every((given) => Number.isSafeInteger(given) && given > 0)
if (!areNumbers || !['database', 'keyprotect'].includes(values.custody)) {
  process.stderr.write('usage: npm run soak -- [--custody database|keyprotect] [KILLS [CLIENTS [SEED]]]\n')
  process.exit(2)
}
const startedMs = Date.now()
// The server is started hundreds of times: compiled sources are kept.
process.env['NODE_COMPILE_CACHE'] ??= path.join(import.meta.dirname, '../node_modules/.cache/compiled')
const say = (text: string): void => {
  const minutes = ((Date.now() - startedMs) / 60_000).toFixed(1)
  process.stdout.write(`${minutes} min: ${text}\n`)
}
say(`${kills} kills, custody ${values.custody}, seed ${seed}`)
if (isKeyProtect) {
  const counts = await killKeyProtect({
    kills,
    seed,
    onKill: (kill, now) => {
      if (kill % 10 === 0) say(`${kill} kills; ${JSON.stringify(now)}`)
    },
  })
  say(`nothing was lost or came back, and nothing superfluous was left: ${JSON.stringify(counts)}`)
} else
  for (let done = 0; done < kills; done += killsPerFolder) {
    const counts = await killUnderLoad({
      kills: Math.min(killsPerFolder, kills - done),
      clients,
      seed: seed + done,
      progress: (kill, { keys, calls, fetched, unanswered }) => {
        if (kill % 10 === 0)
          say(
            `${done + kill} kills; ${keys} keys, ${calls} calls, ${fetched} gets, ${unanswered} connections cut off`,
          )
      },
    })
    say(`nothing was lost, and every history has an order: ${JSON.stringify(counts)}`)
  }
