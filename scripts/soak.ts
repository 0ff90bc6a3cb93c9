// `npm run soak -- [--custody keyprotect] [KILLS [CLIENTS [SEED]]]`: kills the real server under load, a thousand times
// unless told otherwise, and judges after each start the recorded history of every call (test/support/load/history-check.ts). The same code as
// test/system/kill.test.ts, for longer; with a new data folder now and then, so that the audit log that is verified after
// each kill does not grow without end. With custody keyprotect two hundred times, beside the fake of Key Protect, a
// new one after every fifty (test/real/kills/many.test.ts, recovery-moments.test.ts); CLIENTS is always three there.
//
// `npm run soak -- --topology two-nodes [--minutes N] [--seed S]`: two nodes on PostgreSQL and its replica, which it starts itself; all
// that can happen to them happens (test/support/load/disturbances.ts). Ten minutes unless told otherwise.

import path from 'node:path'
import { parseArgs } from 'node:util'
import { killUnderLoad } from '../test/support/load/killing.ts'
import { killKeyProtect } from '../test/support/load/killing-keyprotect.ts'
import { loseDatabases } from '../test/support/load/losing-databases.ts'
import { soakNodes, type SoakDone } from '../test/support/load/soak-nodes.ts'
import { soakSiem } from '../test/support/load/soak-siem.ts'
import { SyslogDaemon } from '../test/support/syslog/daemons.ts'
import { Topology } from '../test/support/load/topology.ts'

const killsPerFolder = 200
/** Each restore from the service alone reads every key that was ever made there. */
const killsPerService = 50

const { values, positionals } = asked()
const isKeyProtect = values.custody === 'keyprotect'
const [kills = isKeyProtect ? 200 : 1_000, clients = 8, seed = Number(values.seed ?? Date.now() % 2 ** 31)] =
  positionals.map(Number)
const [minutes, perSecond] = [Number(values.minutes), Number(values.rate)]
const areNumbers = [kills, clients, seed, minutes, perSecond].every(
  (given) => Number.isSafeInteger(given) && given > 0,
)
const { daemon: kind, cut: how } = values
const isKind = kind === 'rsyslog' || kind === 'syslog-ng'
const isCut = how === 'stopped' || how === 'hangs'
const areWords =
  ['database', 'keyprotect'].includes(values.custody) &&
  ['one-node', 'two-nodes', 'siem'].includes(values.topology)
if (values.help) showUsage(0)
if (!areNumbers || !areWords || !isKind || !isCut) showUsage(2)
const startedMs = Date.now()
// The server is started hundreds of times: compiled sources are kept.
process.env['NODE_COMPILE_CACHE'] ??= path.join(import.meta.dirname, '../node_modules/.cache/compiled')
const say = (text: string): void => {
  const minutes = ((Date.now() - startedMs) / 60_000).toFixed(1)
  process.stdout.write(`${minutes} min: ${text}\n`)
}
if (values.topology === 'two-nodes') {
  say(`two nodes for ${minutes} minutes, seed ${seed}`)
  await using topology = await Topology.start(
    { skip: (why) => say(why ?? '') },
    { faults: 'clocks and disks' },
  )
  if (!topology) process.exit(1)
  const { nodes, primary } = topology
  if (nodes.one.disk === null || !primary.hasDisk) say('only root can mount small disks: none is filled')
  const progress = (now: SoakDone) => say(JSON.stringify(now))
  const done = await soakNodes(topology, { minutes, seed, clients: 6, progress })
  say(`nothing was lost or came back, and every history has an order: ${JSON.stringify(done)}`)
  await topology[Symbol.asyncDispose]()
  process.exit(0)
}
if (values.topology === 'siem') {
  const missing = SyslogDaemon.missing(kind)
  if (missing !== null) throw new Error(missing)
  await using daemon = await SyslogDaemon.prepare(kind)
  say(`${kind} is cut off for ${minutes} minutes (${how}), at ${perSecond} calls a second`)
  const done = await soakSiem({
    daemon,
    how,
    minutes: { before: Math.min(5, minutes / 4), cutOff: minutes },
    kills: 2,
    perSecond,
    say,
  })
  say(`every entry arrived, in order: ${JSON.stringify(done)}`)
  await daemon[Symbol.asyncDispose]()
  process.exit(0)
}
say(`${kills} kills, custody ${values.custody}, seed ${seed}`)
if (isKeyProtect)
  for (let done = 0; done < kills; done += killsPerService) {
    const counts = await killKeyProtect({
      kills: Math.min(killsPerService, kills - done),
      seed: seed + done,
      onKill: (kill, now) => {
        if (kill % 10 === 0) say(`${done + kill} kills; ${JSON.stringify(now)}`)
      },
    })
    say(`nothing was lost or came back, and nothing superfluous was left: ${JSON.stringify(counts)}`)
    const lost = await loseDatabases({ moments: Math.ceil(counts.restored / 5), seed: seed + done })
    say(`databases were lost, and nothing with them: ${JSON.stringify(lost)}`)
  }
else
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

function asked() {
  try {
    return parseArgs({
      options: {
        help: { type: 'boolean', default: false },
        custody: { type: 'string', default: 'database' },
        topology: { type: 'string', default: 'one-node' },
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string' },
        daemon: { type: 'string', default: 'rsyslog' },
        cut: { type: 'string', default: 'stopped' },
        rate: { type: 'string', default: '30' },
      },
      allowPositionals: true,
    })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    process.stderr.write(`${error.message}\n`)
    return showUsage(2)
  }
}

function showUsage(code: 0 | 2): never {
  const out = code === 0 ? process.stdout : process.stderr
  out.write(
    'usage: npm run soak -- [--custody database|keyprotect] [KILLS [CLIENTS [SEED]]]\n' +
      '       npm run soak -- --topology two-nodes [--minutes N] [--seed S]\n' +
      '       npm run soak -- --topology siem [--minutes N] [--daemon rsyslog|syslog-ng] [--cut stopped|hangs] [--rate N]\n',
  )
  process.exit(code)
}
