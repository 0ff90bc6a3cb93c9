// `mortise status`: the state of the server on one screen, again and again (--watch), or in the form of a Nagios plugin.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Output } from '../../doors/http/route.ts'
import { Refusal } from '../../base/refusal.ts'
import { verb, wholeNumber, type Run } from '../../doors/cli/command.ts'
import { coloured } from '../../doors/cli/text/colour.ts'
import { foldConditions, nagiosOutcome, nagiosUnknown, type FoldedCondition } from './conditions-text.ts'
import { facts, plain, plainJson, sizeText, table } from '../../doors/cli/text/output.ts'
import { ageText } from '../../base/text/inventory-age.ts'
import { countsText } from '../../doors/cli/text/amounts.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { isAway } from '../../doors/cli/watch-work.ts'
import { UsageError } from '../../doors/cli/world.ts'
import { statusRoutes } from './routes.ts'

export const statusCommand = verb<StatusOptions>({
  words: 'status',
  summary: 'the state of the server, and what needs attention; exit code 1 if it cannot serve keys',
  flags: [
    ['--watch', 'show it again whenever it changes, until Ctrl+C'],
    ['--every <seconds>', 'with --watch: how often to ask (default: 5)'],
    ['--nagios', 'one line for Nagios and Icinga; exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN'],
  ],
  examples: ['status', 'status --watch', 'status --nagios', 'status --json'],
  action: async (run, { watch = false, every, nagios = false }) => {
    if (every !== undefined && !watch) throw new UsageError('--every belongs to --watch')
    if (nagios && (watch || run.json)) throw new UsageError('--nagios goes with neither --watch nor --json')
    if (nagios) return nagiosStatus(run)
    if (watch) return watchStatus(run, every === undefined ? 5 : wholeNumber('--every', every))
    const status = await (await run.client()).call(statusRoutes.status)
    run.show(status, () => statusText(status, run))
    return status.ready && status.servesKeys ? 0 : 1
  },
})

interface StatusOptions {
  readonly watch?: boolean
  readonly every?: string
  readonly nagios?: boolean
}

async function nagiosStatus({ client, world }: Run): Promise<number> {
  const status = await client()
    .then((admin) => admin.call(statusRoutes.status))
    .catch((error: unknown) => error)
  const { line, exitCode } = isStatus(status) ? nagiosOutcome(status) : nagiosUnknown(status)
  world.stdout.write(`${line}\n`)
  return exitCode
}

function isStatus(answer: unknown): answer is Status {
  return !(answer instanceof Error)
}

/** Shows the state, and again each time that it has changed. Ends with the process, or when the server refuses. */
async function watchStatus(run: Run, everySeconds: number): Promise<never> {
  // Node.js takes a longer pause for one of a millisecond.
  if (everySeconds === 0 || everySeconds > everySecondsMax)
    throw new UsageError(`--every takes 1 to ${String(everySecondsMax)}`)
  const admin = await run.client()
  let shown = ''
  for (;;) {
    const status = await admin.call(statusRoutes.status).catch((error: unknown) => {
      if (isAway(error)) return error
      throw error
    })
    const text = run.json ? jsonLine(status) : screen(status, run)
    if (text !== shown) show(run, text, isStatus(status))
    shown = text
    await sleep(everySeconds * 1000)
  }
}

function jsonLine(status: Status | Error): string {
  const code = status instanceof Refusal ? status.code : 'unreachable'
  const said = isStatus(status) ? status : { error: { code, message: status.message } }
  return `${plainJson(JSON.stringify(said))}\n`
}

function screen(status: Status | Error, run: Run): string {
  if (isStatus(status)) return statusText(status, run)
  const what = status instanceof Refusal ? 'The server cannot tell' : 'The server does not answer'
  return plain`${what}: ${status.message}\n`
}

function show({ world: { stdout, stderr }, json }: Run, text: string, answered: boolean): void {
  if (json) void (answered ? stdout : stderr).write(text)
  else stdout.write(stdout.isTTY ? `${clearScreen}${text}` : `${text}\n`)
}

const everySecondsMax = 24 * 3600
const clearScreen = '\u001b[2J\u001b[H'

type Status = Output<typeof statusRoutes.status>

function statusText(status: Status, { world, next }: Pick<Run, 'world' | 'next'>): string {
  const { pending, conditions } = status
  const head: (readonly [string, string])[] = [
    ['Mortise', `${status.version}, ${stateText(status)}`],
    ['Running since', shortTime(status.started)],
    ...(status.fips === null
      ? []
      : [['FIPS mode', `on, OpenSSL's provider ${status.fips}; Mortise itself has no certificate`] as const]),
    ['KMIP', status.kmip],
    ...(status.kmipHttps === null ? [] : [['KMIP over HTTPS', `${status.kmipHttps}/kmip`] as const]),
    ...(pending === null
      ? []
      : [['Pending clients', pending === 0 ? 'none' : `${pending}: mortise client pending`] as const]),
    ...mayAllFact(status),
  ]
  const sections = [
    facts([...head, ...backupFacts(status, world.now())]),
    instanceTable(status),
    nodeTable(status),
    upstreamTable(status),
    expiryTable(status),
    conditions.length === 0
      ? 'Nothing needs you.\n'
      : foldConditions(conditions)
          .map((one) => conditionText(one, { world, next }))
          .join(''),
  ]
  return sections.filter((text) => text !== '').join('\n')
}

/** The clients that may ask for every operation. */
function mayAllFact({
  mayAll: { count, clients },
  instances,
}: Status): readonly (readonly [string, string])[] {
  if (count === 0) return []
  const named = clients.slice(0, screenLines).map(({ name, instance }) => {
    return instances.length > 1 ? `${name} (${instance})` : name
  })
  const more = count > named.length ? ` and ${count - named.length} more` : ''
  return [
    [
      'Clients with all',
      `${named.join(', ')}${more}: may destroy keys; less: mortise client set NAME --allow ...`,
    ],
  ]
}

function stateText({ ready, servesKeys, reason }: Status): string {
  const because = reason === null ? '' : `: ${reason}`
  if (ready && !servesKeys)
    return `CANNOT SERVE KEYS: no root key of an instance that has keys opens them${because}`
  return `${ready ? 'serves' : 'CANNOT SERVE'}${because}`
}

function backupFacts({ backups }: Status, nowMs: number): readonly (readonly [string, string])[] {
  if (backups === null) return []
  const { last, failure, verified, keysAtRisk, keysOnlyHere } = backups
  const made = last === null ? 'none yet' : `${dated(last.created, nowMs)}, ${sizeText(last.bytes)}`
  return [
    [
      'Keys at risk',
      keysAtRisk + keysOnlyHere === 0
        ? 'none'
        : `${keysAtRisk} in no backup; ${keysOnlyHere} in no backup that was copied elsewhere`,
    ],
    ['Last backup', failure === null ? made : `${made}; FAILED since, see below`],
    ['Last verified', verified === null ? 'never: mortise backup verify FILE' : dated(verified, nowMs)],
  ]
}

/** A time with its age, in hours at least: --watch shows what has changed, and minutes change all the time. */
function dated(at: string, nowMs: number): string {
  const atMs = Date.parse(at)
  const age = nowMs - atMs < hourMs ? 'less than an hour ago' : ageText(atMs, nowMs)
  return `${shortTime(at)} (${age})`
}

const hourMs = 3_600_000

function conditionText(
  { severity, message, action, more }: FoldedCondition,
  { world, next }: Pick<Run, 'world' | 'next'>,
): string {
  const others = more === 0 ? '' : `  And ${more} more of this kind: ${next('status --json')}\n`
  const word = coloured(world.stdout, severity, severity.toUpperCase())
  return `${word}${plain`: ${message}\n`}${others}${plain`  ${action}\n`}`
}

function instanceTable({ instances }: Status): string {
  return table(
    ['INSTANCE', 'CLIENTS', 'OBJECTS', 'ROOT KEY'],
    instances.map(({ name, clients, objects, recoverable: { count }, rootKey, served }) => [
      name,
      String(clients),
      `${countsText(objects)}${count === 0 ? '' : ` (${count} can be brought back)`}`,
      served ? rootKey : `${rootKey}: NOT SERVED`,
    ]),
  )
}

/** Empty with SQLite. */
function nodeTable({ nodes }: Status): string {
  if (nodes === null || nodes.length === 0) return ''
  return table(
    ['NODE', 'VERSION', 'KMIP', 'STATE', 'BACKGROUND WORK'],
    nodes.map(({ name, version, kmip, secondsAgo, serves, isThis, work }) => [
      isThis ? `${name} (this one)` : name,
      version,
      kmip,
      serves
        ? 'runs'
        : `NO SIGN for ${secondsAgo < 120 ? `${secondsAgo} s` : `${Math.round(secondsAgo / 60)} min`}`,
      work.join(', '),
    ]),
  )
}

/** Empty where no instance has one. */
function upstreamTable({ instances }: Status): string {
  const rows = instances.flatMap(({ name, upstream }) => {
    if (!upstream) return []
    const { servers, since, state, adopted, lastAdopted } = upstream
    const last = lastAdopted === null ? 'never' : shortTime(lastAdopted)
    return [[name, servers.join(', '), shortTime(since), state, String(adopted), last]]
  })
  if (rows.length === 0) return ''
  return table(['UPSTREAM OF', 'SERVERS', 'SINCE', 'STATE', 'ADOPTED ON DEMAND', 'LAST'], rows)
}

const kinds: Record<Status['expiries'][number]['kind'], string> = {
  client: 'client certificate',
  'client-ca': 'CA of a client',
  server: 'server certificate',
  'server-ca': "server's CA",
  admin: 'admin API certificate',
}
const screenLines = 5

function expiryTable({ expiries }: Status): string {
  return table(
    ['EXPIRES NEXT', 'OF', 'INSTANCE', 'ON', 'DAYS LEFT'],
    expiries
      .slice(0, screenLines)
      .map(({ kind, name, instance, notAfter, daysLeft }) => [
        kinds[kind],
        kind === 'client' || kind === 'client-ca' ? name : '',
        instance?.name ?? '',
        shortTime(notAfter),
        daysLeft < 0 ? 'expired' : String(daysLeft),
      ]),
  )
}
