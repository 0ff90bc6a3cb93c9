// `mortise conformance`: checks any KMIP server, Mortise or another one, against the specification, and prints what works in
// which version, and why the rest does not. It needs no admin API. What it makes it destroys.

import { examine, type Examined, type CheckResult } from '../conformance/examine.ts'
import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { TlsOptionsError } from '../../outside/kmip-client/tls.ts'
import { readClientPair } from '../../doors/cli/client-pair.ts'
import { duration, verb } from '../../doors/cli/command.ts'
import { plain, table, visible } from '../../doors/cli/text/output.ts'
import { Progress } from '../../doors/cli/text/progress.ts'
import {
  addressOf,
  serverTrustFlags,
  serverTrustOf,
  type ServerTrustOptions,
} from '../../doors/cli/kmip-server.ts'
import { interruptible } from '../../doors/cli/watch-work.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'

interface Options extends ServerTrustOptions {
  readonly cert: string
  readonly key: string
  readonly encoding?: string
  readonly timeout?: string
}

export const conformanceCommand = verb<Options>({
  words: 'conformance <host:port>',
  summary: 'check a KMIP server against the specification: what works in which version, and what does not',
  required: [
    [
      '--cert <pem>',
      'a client certificate that the server trusts; it needs every operation (Mortise: --allow all)',
    ],
    ['--key <pem>', 'its private key'],
  ],
  flags: [
    ...serverTrustFlags,
    ['--encoding <ttlv|xml|json>', 'ttlv (default), or over HTTPS (POST /kmip) xml or json'],
    ['--timeout <time>', 'how long a request waits for its answer, such as 30s (default: 10s)'],
  ],
  examples: [
    'conformance kms.example.com:5696 --cert client.pem --key client.key --ca ca.pem',
    'conformance kms.example.com:5698 --cert client.pem --key client.key --ca ca.pem --encoding json',
  ],
  offline: true,
  action: async (run, options, host = '') => {
    const { cert, key } = await readClientPair(run.world, options.cert, options.key)
    const encoding = encodingOf(options.encoding)
    const trust = await serverTrustOf(run.world, options)
    const address = addressOf(host, 'conformance')
    const answerMs = answerMsOf(options.timeout)
    const progress = new Progress(run.world.stderr, steps.versions)
    const onProgress = (step: keyof typeof steps, done: number, total: number) => {
      progress.begin(steps[step])
      progress.tell({ done, total, trouble: null })
    }
    const examined = await interruptible(async (signal) => {
      const examination = { address, cert, key, trust, encoding, answerMs, signal, onProgress }
      const result = await withAdvice(() => examine(examination)).finally(() => progress.end())
      if (signal.aborted) throw interrupted(result)
      if (result.stopped === null) progress.finish(0)
      return result
    })
    run.show(examined, () => conformanceText(examined))
    const isGood = examined.checks.every(({ found }) =>
      Object.values(found).every(({ result }) => result === 'works' || result === 'missing'),
    )
    return isGood && examined.left.length === 0 ? 0 : 1
  },
})

const steps = { versions: 'versions asked', checks: 'checks done' }

const timeoutSecondsMax = 600

/** Milliseconds. */
function answerMsOf(text = '10s'): number {
  const seconds = duration('--timeout', text)
  if (seconds < 1 || seconds > timeoutSecondsMax)
    throw new UsageError(`--timeout takes 1s to ${String(timeoutSecondsMax / 60)}m, not ${text}`)
  return seconds * 1000
}

function interrupted({ left }: Examined): CommandError {
  return left.length === 0
    ? new CommandError('interrupted; what was made is destroyed again')
    : new CommandError('interrupted', `Destroy by hand what could not be destroyed: ${left.join(', ')}`)
}

const encodings: readonly Examined['encoding'][] = ['ttlv', 'xml', 'json']

function encodingOf(text = 'ttlv'): Examined['encoding'] {
  const encoding = encodings.find((one) => one === text.toLowerCase())
  if (encoding === undefined) throw new UsageError(`--encoding takes ${encodings.join(', ')}, not ${text}`)
  return encoding
}

/** The stages of a failed connection in words, with what to do. */
async function withAdvice<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TlsOptionsError) throw new CommandError(error.message)
    if (error instanceof KmipRefused)
      throw new CommandError(`what the checks make could not be destroyed: ${error.message}`, needsAll)
    if (error instanceof KmipTransportError) throw new CommandError(error.message, hints[error.stage])
    throw error
  }
}

const needsAll =
  'The checks need a client that may ask for everything: mortise client issue --name conformance --allow all --out conformance'

const hints: Readonly<Record<KmipTransportError['stage'], string>> = {
  connect: 'is the server there, and does it listen on this port?',
  handshake: 'give --ca, --fingerprint or --insecure that fits the server, and a certificate that it accepts',
  send: 'the server may not trust the client certificate',
  answer: 'the server may not trust the client certificate, or may not speak KMIP on this port',
  protocol: 'does the server speak KMIP on this port? --encoding xml and json need its port for HTTPS',
}

const signs: Readonly<Record<CheckResult['result'], string>> = {
  works: '●',
  missing: '○',
  differs: '✗',
  unchecked: '?',
}

/** A table by check and version as that of docs/kmip-conformance.md, then by profile, then why what does not work does not. */
function conformanceText(examined: Examined): string {
  const { server, encoding, versions, unspoken, checks, profiles, left, stopped } = examined
  const marks = (byVersion: Examined['checks'][number]['found']) =>
    versions.map((version) => {
      const finding = byVersion[version]
      return finding ? signs[finding.result] : ''
    })
  const parts = [
    plain`${server} speaks KMIP ${versions.join(', ') || 'in no version'} in ${encoding}.\n`,
    ...unspoken.map(({ version, why }) => `KMIP ${version} is not spoken: ${visible(why)}\n`),
    '\n● works · ○ the server does not do it · ✗ it differs from the specification · ? not checked · empty: not in the version\n\n',
    table(
      ['operation', 'what it must do', ...versions],
      checks.map(({ operation, what, found }) => [operation, what, ...marks(found)]),
    ),
    '\n',
    table(
      ['profile, as far as this can be checked', ...versions],
      profiles.map(({ profile, found }) => [profile, ...marks(found)]),
    ),
  ]
  const reasons = checks.flatMap(({ operation, what, found }) =>
    whys(found).map((why) => `${operation} ${what}: ${why}`),
  )
  if (reasons.length > 0)
    parts.push('\nWhat does not work, and why:\n', ...reasons.map((line) => `  ${visible(line)}\n`))
  const needs = profiles.flatMap(({ profile, found }) => whys(found).map((why) => `${profile}, ${why}`))
  if (needs.length > 0)
    parts.push('\nWhat each profile lacks:\n', ...needs.map((line) => `  ${visible(line)}\n`))
  if (stopped !== null)
    parts.push(`\nStopped before the end: ${visible(stopped)}. The rest is not checked.\n`)
  if (left.length > 0)
    parts.push('\nThese objects could not be destroyed:\n', ...left.map((one) => `  ${visible(one)}\n`))
  return parts.join('')
}

/** Each reason once, with the versions that it is for. */
function whys(found: Examined['checks'][number]['found']): readonly string[] {
  const failed = Object.entries(found).filter(([, { result }]) => result !== 'works')
  const byWhy = Map.groupBy(failed, ([, { why }]) => why ?? '')
  return [...byWhy].map(([why, versions]) => `${versions.map(([version]) => version).join(', ')}: ${why}`)
}
