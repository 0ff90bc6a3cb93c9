// `mortise instance set NAME --upstream ...`: the old KMIP server that an instance asks for identifiers that are unknown here,
// for the time of a change-over.

import type { Output } from '../../../doors/http/route.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { Run } from '../../../doors/cli/command.ts'
import { oldServerBody, oldServerOf } from '../../../doors/cli/kmip-server.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { facts, plain } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import type { UpstreamCommands } from '../../../doors/cli/plugs.ts'
import { UsageError } from '../../../doors/cli/world.ts'
import { upstreamRoutes } from '../upstream-routes.ts'

interface UpstreamOptions {
  /** false: --no-upstream. */
  readonly upstream?: string | false
  readonly upstreamCert?: string
  readonly upstreamKey?: string
  readonly upstreamCa?: string
  readonly upstreamFingerprint?: string
  readonly upstreamOn?: boolean
}

const flags = [
  [
    '--upstream <uri,...>',
    'kmip://HOST[:PORT] of the old server, which is asked for identifiers that are unknown here (docs/adopt.md)',
  ],
  ['--upstream-cert <pem>', 'a client certificate that the old server trusts'],
  ['--upstream-key <pem>', 'its private key; it is stored sealed'],
  ['--upstream-ca <pem>', 'recognize the old server by the CA that signed its certificate, and by its name'],
  ['--upstream-fingerprint <sha256>', 'recognize the old server by its certificate'],
  ['--upstream-on', 'ask the upstream again, which is off since a restore'],
  ['--no-upstream', 'remove the upstream, with its private key'],
] as const

/** The upstream in `instance set` and `instance show`. */
export const upstreamCommands: UpstreamCommands = {
  flags,
  examples: [
    'instance set production --upstream kmip://kms-1.example.com --upstream-cert c.pem --upstream-key c.key --upstream-ca ca.pem',
    'instance set production --no-upstream',
  ],
  set: async (run, options, instance, body) => {
    if (!isAboutUpstream(options, Object.keys(body).length)) return false
    await setUpstream(run, options, instance)
    return true
  },
  rows: upstreamRows,
}

/** Whether the options concern the upstream. They go with no other setting, since each is a change of its own. */
function isAboutUpstream(options: UpstreamOptions, others: number): boolean {
  const { upstream, upstreamOn, upstreamCert, upstreamKey, upstreamCa, upstreamFingerprint } = options
  const details = [upstreamCert, upstreamKey, upstreamCa, upstreamFingerprint].filter(
    (value) => value !== undefined,
  )
  const named = typeof upstream === 'string'
  if (details.length > 0 && !named)
    throw new UsageError(
      '--upstream-cert, --upstream-key, --upstream-ca and --upstream-fingerprint belong to --upstream',
    )
  const choices = [named, upstream === false, upstreamOn === true].filter(Boolean).length
  if (choices > 1 || (choices === 1 && others > 0))
    throw new UsageError(
      'one thing at a time: --upstream, --upstream-on and --no-upstream go with no other setting',
    )
  return choices === 1
}

async function setUpstream(run: Run, options: UpstreamOptions, name: string): Promise<void> {
  const { upstream, upstreamOn = false } = options
  const { show, tell } = run
  if (upstream === false) {
    const admin = await run.client()
    const removed = await admin.call(upstreamRoutes.removeUpstream, {
      instance: await instanceOf(admin, name),
    })
    show(removed, () => plain`The upstream ${removed.servers.join(', ')} is removed, with its private key.\n`)
    return
  }
  if (upstreamOn || upstream === undefined) {
    const admin = await run.client()
    const on = await admin.call(upstreamRoutes.turnUpstreamOn, { instance: await instanceOf(admin, name) })
    show(on, () => facts(upstreamRows(on)))
    return tell(
      '\nThe old server answered. From now on it is asked again for identifiers that are unknown here.\n',
    )
  }
  const server = await oldServerOf(
    run.world,
    [upstream],
    {
      ...(options.upstreamCert !== undefined && { cert: options.upstreamCert }),
      ...(options.upstreamKey !== undefined && { key: options.upstreamKey }),
      ...(options.upstreamCa !== undefined && { ca: options.upstreamCa }),
      ...(options.upstreamFingerprint !== undefined && { fingerprint: options.upstreamFingerprint }),
    },
    '--upstream',
    'upstream-',
  )
  const admin = await run.client()
  const set = await admin.call(upstreamRoutes.setUpstream, {
    instance: await instanceOf(admin, name),
    body: oldServerBody(server),
  })
  server.key.fill(0)
  show(set, () => facts(upstreamRows(set)))
  tell(plain`
The old server answered. From now on it is asked for identifiers that are unknown here.
Next: change the address in vCenter, then check: ${run.next(`adopt check --digests --instance ${shellWord(name)}`)} (docs/adopt.md)
`)
}

type Upstream = Output<typeof upstreamRoutes.setUpstream>

const states: Record<Upstream['state'], string> = {
  on: 'asked for identifiers that are unknown here',
  off: 'OFF since a restore: not asked until a manager turns it on (--upstream-on)',
  'not-answering': 'NOT ANSWERING when it was last asked',
}

function upstreamRows(upstream: Upstream): readonly (readonly [string, string])[] {
  const { servers, since, state, adopted, lastAdopted, lastAnswer, lastFailure, notAdopted } = upstream
  const last = lastAdopted === null ? '' : `, the last at ${shortTime(lastAdopted)}`
  return [
    ['Upstream', `${servers.join(', ')}, since ${shortTime(since)}`],
    ['', states[state]],
    ['', `${adopted} adopted on demand${last}`],
    [
      '',
      `last answer to a client: ${lastAnswer === null ? 'none since the server started' : shortTime(lastAnswer)}`,
    ],
    ...(lastFailure === null
      ? []
      : ([['', `last failure ${shortTime(lastFailure.at)}: ${lastFailure.message}`]] as const)),
    ...notAdopted.slice(0, namedMax).map(({ id, why }) => ['Not adopted', `${id}: ${why}`] as const),
    ...(notAdopted.length > namedMax
      ? [['', `and ${notAdopted.length - namedMax} more (--json)`] as const]
      : []),
  ]
}

/** Longer lists are shown with --json only. */
const namedMax = 5
