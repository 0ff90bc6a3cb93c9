// Puts the expected errors of commands that work without a server, and of the server's start, into words, with what to do about each.
// Part of the composition root.

import { sameServer } from './next-steps.ts'
import { CommandError, type Flags } from './world.ts'
import { programCommand } from '../../base/program-files.ts'

/** The part of the configuration that commands repeat. */
interface Config {
  readonly server: { readonly data: string }
}

/** Puts an error that an administrator can do something about into words; any other is a bug and goes on as it is. */
export function withAdvice(what: string, error: unknown, config: Config, flags: Flags = {}): unknown {
  if (!(error instanceof Error)) return error
  const code = systemCode(error)
  const notAccepted = error.name === 'RestoreNotAccepted'
  if (code === undefined && !notAccepted && !expectedNames.has(error.name)) return error
  const own = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined
  const hint = notAccepted ? restoreHint(error, config, flags) : code === undefined ? own : systemHints[code]
  return new CommandError(`${what}: ${error.message}`, hint, { cause: error })
}

/** Throws what `withAdvice` makes of the error of the work. */
export async function orAdvice<T>(what: string, config: Config, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw withAdvice(what, error, config)
  })
}

const systemHints: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'Another program listens there, perhaps another Mortise. Choose another port: --kmip, --kmip-https, --admin.',
  EADDRNOTAVAIL: 'This machine does not have that address.',
  EACCES:
    'This user may not do that. Give the command as the user of the server, as with: runuser -u mortise -- mortise ... Ports below 1024 need rights.',
}

const expectedNames = new Set([
  'BackupError',
  'FipsError',
  'StartError',
  'RootKeyError',
  'WrongRootKey',
  'StoreUnavailable',
  'PkiError',
  'KmipRefused',
  'KmipTransportError',
  'TlsOptionsError',
])

function restoreHint(
  error: Error & Partial<Record<'acceptable' | 'moved' | 'elsewhere' | 'lostFolder', boolean>>,
  { server }: Config,
  { config, data }: Flags,
): string | undefined {
  if (error.acceptable !== true) return undefined
  // The configuration may name a database elsewhere.
  const accept = `${programCommand} restore-accept${sameServer(config === undefined ? { data: server.data } : { config, data })}`
  if (error.elsewhere === true)
    return (
      `If you ran restore-accept on another node: run ${accept} on this node, too. It makes the anchor of this node again ` +
      'and revokes no token. If no administrator ran it, find out who did before you accept the database here.'
    )
  if (error.moved === true)
    return (
      `If you moved it, or start from a snapshot: see that no server uses the other one any more, then run ${accept}. ` +
      'docs/backup.md, Snapshots of a volume, has more.'
    )
  const lost =
    error.lostFolder === true
      ? 'If this node lost its data folder while another node serves: give it another name (server.node), and start it. '
      : ''
  return (
    `${lost}If you put a backup back on purpose: ${accept}. If no administrator did, ` +
    'keep a copy of the folder as it is, find out who set the database back, and bring the newest database ' +
    'back. docs/operate.md, Backups, has more.'
  )
}

/** EADDRINUSE and the like, of the error or of what caused it. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return 'code' in error && 'syscall' in error ? String(error.code) : systemCode(error.cause)
}
