// `mortise server-cert ...`: the certificate that vCenter pins, and its successor.

import { certificateRoutes } from './routes.ts'
import type { Options } from '../../doors/cli/fields.ts'
import { command } from '../../doors/cli/route-command.ts'
import type { Output } from '../../doors/http/route.ts'
import { forceFlag, noun, verb, type Run } from '../../doors/cli/command.ts'
import { mustBeFree, writeFile } from '../../doors/cli/files.ts'
import { facts, shownFingerprint, plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'

type Shown = Output<typeof certificateRoutes.showServerCertificate>

const whenFields = {
  at: 'switch to it at this time, such as 2026-03-01T22:00 (default: when you run activate)',
  now: 'switch to it at once',
} as const

const meantFlag = [
  '--sha256 <sha256>',
  'only if it is the certificate with this whole SHA-256: another one may be there by now',
] as const

const namesFlag = ['--names <list>', 'exactly these DNS names and IP addresses, separated by commas'] as const

export const serverCertificateCommands = noun(
  'server-cert',
  'the certificate of the KMIP listener, which vCenter pins',
  () => [showCommand, csrCommand, importCommand, renewCommand, activateCommand, discardCommand],
)

const showCommand = command(certificateRoutes.showServerCertificate, {
  words: 'show',
  summary: 'its fingerprints, names and dates, to compare with vCenter; also the staged certificate',
  examples: ['server-cert show', 'server-cert show --json'],
  view: everything,
})

const csrCommand = verb<{ names?: string; out: string; replace?: boolean; force?: boolean }>({
  words: 'csr',
  summary: 'create a certificate request for your own CA; its key never leaves the server',
  required: [['--out <csr>', 'file for the request; - is standard output']],
  flags: [
    namesFlag,
    ['--replace', 'create a new request in place of the one that waits for its certificate'],
    forceFlag,
  ],
  examples: [
    'server-cert csr --out kms.csr',
    'server-cert csr --names kms.example.com,192.0.2.10 --out kms.csr',
  ],
  action: async (run, { names, out, replace, force = false }) => {
    await mustBeFree([out], force)
    const body = { ...namesOf(names), ...(replace === true && { replace }) }
    const { request } = await (await run.client()).call(certificateRoutes.requestServerCertificate, { body })
    if (!request)
      throw new CommandError('the server has no request any more: an administrator used it meanwhile')
    if (out === '-' && !run.json) {
      run.world.stdout.write(request.request)
      return
    }
    if (out !== '-') await writeFile(out, request.request, { mode: 0o644, force })
    run.show(
      request,
      () => plain`Request of ${shortTime(request.created)} for ${request.names.join(', ')}: ${out}\n`,
    )
    run.tell(`\nHave it signed as a web server, then: ${run.next('server-cert import --cert PEM')}\n`)
  },
})

const importCommand = command(certificateRoutes.importServerCertificate, {
  words: 'import',
  summary: 'stage the certificate that your CA issued for the request',
  fields: {
    certificate: ['--cert <pem>', 'the certificate, and its chain if it has one; - is standard input'],
    ...whenFields,
  },
  examples: [
    'server-cert import --cert kms.pem',
    'server-cert import --cert kms.pem --at 2026-03-01T22:00:00Z',
  ],
  also: oneTime,
  view: everything,
  tell: nextStep,
})

const renewCommand = command(certificateRoutes.renewServerCertificate, {
  words: 'renew',
  summary: "stage a new certificate from Mortise's own CA",
  fields: {
    names: [...namesFlag, (_run, text) => namesOf(text).names],
    days: 'how long it is valid (default: 10 years)',
    ...whenFields,
  },
  examples: [
    'server-cert renew',
    'server-cert renew --names kms.example.com,192.0.2.10 --at 2026-03-01T22:00:00Z',
  ],
  also: oneTime,
  view: everything,
  tell: nextStep,
})

const activateCommand = command(certificateRoutes.activateServerCertificate, {
  words: 'activate',
  summary: 'switch to the staged certificate, now or at a time; connections are kept',
  fields: {
    at: [
      '--at <time>',
      'at this time, such as 2026-03-01T22:00; `never` cancels an earlier time',
      (run, text, flag) => (text === 'never' ? null : run.time(flag, text)),
    ],
    which: ['--previous', 'go back to the certificate that was active before', () => 'previous'],
    sha256: meantFlag,
  },
  examples: [
    'server-cert activate',
    'server-cert activate --at 2026-03-01T22:00:00Z',
    'server-cert activate --previous',
  ],
  also: (_run, { previous, at }) => {
    if (previous === true && at !== undefined) throw new UsageError('give --at or --previous, not both')
    return {}
  },
  view: everything,
  tell: nextStep,
})

const discardCommand = command(certificateRoutes.discardServerCertificate, {
  words: 'discard',
  summary: 'discard the staged certificate',
  fields: { sha256: meantFlag },
  examples: ['server-cert discard'],
  view: (shown) => `Nothing is staged. The active certificate stays:\n${certificateFacts(shown)}`,
})

function nextStep({ staged }: Shown, { run }: { readonly run: Run }): string {
  return `\n${staged ? beforeSwitch(staged, run.next) : afterSwitch(run.next)}\n`
}

function beforeSwitch({ at }: NonNullable<Shown['staged']>, next: Run['next']): string {
  const then =
    at === null ? `Then: ${next('server-cert activate')}` : `The server switches to it at ${shortTime(at)}.`
  return `Before the switch, in each vCenter: Key Providers, choose the server, Establish Trust > Upload KMS Certificate,
with the "certificate" under "staged" of: ${next('server-cert show --json')}
${then}`
}

function afterSwitch(next: Run['next']): string {
  return `New connections see this certificate. Where vCenter does not trust it yet, the provider is red until it does:
Establish Trust > Make vCenter Trust KMS. To go back: ${next('server-cert activate --previous')}`
}

function everything(shown: Shown): string {
  const { staged, request } = shown
  const parts = [certificateFacts(shown)]
  if (staged) {
    const when = staged.at === null ? 'when you run: mortise server-cert activate' : shortTime(staged.at)
    const warnings = staged.warnings.map((warning) => plain`Warning: ${warning}\n`).join('')
    parts.push(
      `\nStaged (${staged.origin} ${shortTime(staged.created)}), switched to: ${when}\n${certificateFacts(staged)}${warnings}`,
    )
  }
  if (request)
    parts.push(
      plain`\nA request of ${shortTime(request.created)} for ${request.names.join(', ')} waits for its certificate.\n`,
    )
  return parts.join('')
}

function certificateFacts(shown: NonNullable<Shown['previous']>): string {
  return facts([
    ['SHA-256', shownFingerprint(shown.sha256)],
    ['SHA-1', shownFingerprint(shown.sha1)],
    ['Subject', shown.subject],
    ['Issuer', shown.issuer],
    ['Names', shown.names.join(', ')],
    ['Key', shown.key],
    ['Valid', `${shortTime(shown.notBefore)} to ${shortTime(shown.notAfter)}`],
  ])
}

function namesOf(list: string | undefined): { names?: string[] } {
  if (list === undefined) return {}
  const names = list.split(',').map((name) => name.trim())
  if (names.some((name) => name === '')) throw new UsageError('--names takes names separated by commas')
  return { names }
}

function oneTime(_run: Run, { at, now }: Options): object {
  if (at !== undefined && now === true) throw new UsageError('give --at or --now, not both')
  return {}
}
