// `mortise bench`: loads a KMIP server, Mortise or another one, and reports how fast it answers. It needs the address and a
// client certificate that the server trusts, but not the admin API.

import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { TlsOptionsError } from '../../outside/kmip-client/tls.ts'
import { bench, type BenchOptions } from '../vsphere/bench.ts'
import { compareRuns, type EarlierRun } from '../vsphere/bench-compare.ts'
import { benchWorks, parseMix, type Mix } from '../vsphere/bench-mix.ts'
import { benchText, comparisonText } from './bench-text.ts'
import { verb, wholeNumber, wrongValue } from '../../doors/cli/command.ts'
import { readClientPair } from '../../doors/cli/client-pair.ts'
import { readNamed } from '../../doors/cli/files.ts'
import {
  addressOf,
  serverTrustFlags,
  serverTrustOf,
  type ServerTrustOptions,
} from '../../doors/cli/kmip-server.ts'
import { interruptible } from '../../doors/cli/watch-work.ts'
import { CommandError, UsageError, type World } from '../../doors/cli/world.ts'

interface Options extends ServerTrustOptions {
  readonly server: string
  readonly cert: string
  readonly key: string
  readonly duration?: string
  readonly warmUp?: string
  readonly connections?: string
  readonly mix?: string
  readonly rate?: string
  readonly against?: string
  readonly tls?: string
  readonly resume?: boolean
  readonly perWork?: boolean
  readonly keys?: string
  readonly keep?: boolean
}

export const benchCommand = verb<Options>({
  words: 'bench',
  summary: 'load a KMIP server and report rates and latencies; destroys the keys that it creates',
  required: [
    ['--server <host:port>', 'the server'],
    [
      '--cert <pem>',
      'a client certificate that the server trusts; without --keep it needs Destroy too (Mortise: --allow vsphere,Destroy)',
    ],
    ['--key <pem>', 'its private key'],
  ],
  flags: [
    ...serverTrustFlags,
    ['--duration <seconds>', 'how long to measure (default: 10)'],
    ['--warm-up <seconds>', 'how long to load the server before measuring (default: 1)'],
    ['--connections <n>', 'concurrent requests, each on a connection of its own (default: 8)'],
    ['--mix <list>', `which requests, in which proportion (default: get=9,create=1):\n${operationList()}`],
    [
      '--rate <n>',
      'n pieces of work a second, and their latency counted from the moment when they were due (default: as many as the connections can do)',
    ],
    ['--tls <1.2|1.3>', 'the version of TLS (default: as negotiated)'],
    ['--per-work', 'a new connection for each request, as vSphere does'],
    ['--resume', 'with --per-work: resume the TLS session of the previous connection'],
    ['--keys <n>', 'keys to create beforehand and fetch (default: 100)'],
    ['--keep', 'do not destroy the keys'],
    ['--against <file>', 'compare with an earlier run: what it printed with --json'],
  ],
  examples: [
    'bench --server kms.example.com --cert c.pem --key c.key --fingerprint SHA256',
    'bench --server 127.0.0.1 --cert c.pem --key c.key --insecure --per-work --mix task --tls 1.2 --json > before.json',
    'bench --server 127.0.0.1 --cert c.pem --key c.key --insecure --per-work --mix task --tls 1.2 --against before.json',
  ],
  offline: true,
  action: async (run, options) => {
    const benchOptions = await optionsOf(run.world, options)
    const { stderr } = run.world
    const earlier = options.against === undefined ? undefined : await readRun(options.against)
    const onProgress = (phase: string) => void stderr.write(`  ${phase}\n`)
    try {
      const report = await interruptible((signal) => bench({ ...benchOptions, signal, onProgress }))
      const against = earlier && compareRuns(earlier, report)
      run.show({ ...report, ...(against && { against }) }, () =>
        [benchText(report), ...(against ? [comparisonText(against)] : [])].join('\n'),
      )
      return report.ok ? 0 : 1
    } catch (error) {
      throw inWords(error, options.server)
    }
  },
})

function operationList(): string {
  return Object.entries(benchWorks)
    .map(([name, { title, perWork }]) => `  ${name.padEnd(9)} ${title}${perWork ? ' (with --per-work)' : ''}`)
    .join('\n')
}

async function optionsOf(world: World, options: Options): Promise<BenchOptions> {
  const { perWork = false, resume = false, keep = false, tls } = options
  const mix = mixOf(options.mix ?? 'get=9,create=1')
  if (resume && !perWork) throw new UsageError('--resume belongs to --per-work')
  for (const name of mix.keys())
    if (benchWorks[name].perWork && !perWork) throw new UsageError(`${name} belongs to --per-work`)
  if (tls !== undefined && tls !== '1.2' && tls !== '1.3') throw new UsageError('--tls takes 1.2 or 1.3')
  return {
    address: addressOf(options.server),
    trust: await serverTrustOf(world, options),
    ...(await readClientPair(world, options.cert, options.key)),
    tls,
    mix,
    connections: within('--connections', options.connections ?? '8', 10_000),
    durationMs: seconds('--duration', options.duration ?? '10') || 1,
    warmUpMs: seconds('--warm-up', options.warmUp ?? '1'),
    rate: options.rate === undefined ? undefined : within('--rate', options.rate, 1_000_000),
    perWork,
    resume,
    keys: within('--keys', options.keys ?? '100', 100_000),
    keep,
  }
}

/** Reads the report that an earlier run printed with --json. */
async function readRun(file: string): Promise<EarlierRun> {
  const text = (await readNamed(file)).toString('utf8')
  try {
    const read = JSON.parse(text) as EarlierRun
    // A report of another version may lack something that the comparison looks at.
    compareRuns(read, read)
    if (typeof read.mix === 'string') return read
  } catch {
    // The error below says so.
  }
  throw new CommandError(`${file} is no report of a run`, 'Make one: mortise bench … --json > FILE')
}

function mixOf(text: string): Mix {
  const parsed = parseMix(text)
  if ('wrong' in parsed) throw new UsageError(`--mix: ${parsed.wrong}; these are:\n${operationList()}`)
  return parsed.mix
}

function within(flag: string, text: string, most: number): number {
  const number = wholeNumber(flag, text)
  if (number < 1 || number > most) throw new UsageError(`${flag} takes 1 to ${most}`)
  return number
}

const secondsMax = 24 * 3600

/** Reads seconds; returns milliseconds. */
function seconds(flag: string, text: string): number {
  const number = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || number > secondsMax)
    throw wrongValue(flag, 'seconds, such as 10 or 0.5', text)
  return number * 1000
}

/** Expected failures as CommandError; bugs as they are. */
function inWords(error: unknown, server: string): unknown {
  if (error instanceof KmipRefused)
    return new CommandError(
      `${server} refused: ${error.message}`,
      error.reason === 'AuthenticationNotSuccessful'
        ? 'The certificate must belong to a client that the server trusts.'
        : error.operation === 'Destroy'
          ? 'The keys that it makes could not be destroyed. With --keep they stay.'
          : undefined,
      { cause: error },
    )
  if (error instanceof KmipTransportError || error instanceof TlsOptionsError)
    return new CommandError(error.message, undefined, { cause: error })
  return error
}
