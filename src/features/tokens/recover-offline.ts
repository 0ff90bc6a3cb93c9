// `mortise token recover` while no server runs: opens the store with the root key, and makes the token. If rows of trust
// were altered, it makes none before the owner has said which of them to sign again. Part of the composition root.

import { serverActor } from '../../core/audit/actor.ts'
import { Audit } from '../../core/audit/audit.ts'
import type { AuditEntry } from '../../core/ports/audit.ts'
import { StoreUnavailable } from '../../core/ports/store.ts'
import { Secrets } from '../../core/sealing/secrets.ts'
import { ServerNotes } from '../../core/sealing/server-notes.ts'
import { decideDoubtful, doubtfulRows, type DoubtfulRow } from '../../core/trust/doubtful-rows.ts'
import { readRows, type Token } from '../../core/trust/rows.ts'
import { newBearer, recoveredToken } from '../../core/trust/token-changes.ts'
import { holdToAnchor } from '../../core/server/anchor.ts'
import { StartError } from '../../host/first-start.ts'
import { requireStore } from '../../host/store-place.ts'
import { openPorts, type PortOptions } from '../../host/ports.ts'
import { recoveryOf } from './recovery.ts'

/** The result of `token recover`. */
export type TokenRecovered =
  | { readonly state: 'made'; readonly id: string; readonly token: string; readonly expires: string }
  /** A server uses the data folder: ask it. */
  | { readonly state: 'running' }
  /** Rows of trust do not count, and the administrator must decide about them first. */
  | { readonly state: 'altered'; readonly rows: readonly DoubtfulRow[] }

/**
 * `signAnew`: rows as `kind/id`, 'genuine' for all that this server wrote, 'none' for no row; undefined: the administrator has not decided.
 * Rejects with an error whose message says what to do; nothing was changed then.
 */
export async function recoverToken(
  options: PortOptions,
  signAnew: readonly string[] | undefined,
): Promise<TokenRecovered> {
  requireStore(options.settings.now.server, 'a new server makes its first token by itself')
  await using opened = new AsyncDisposableStack()
  let ports
  try {
    ;({ ports } = await openPorts(options, opened))
  } catch (error) {
    if (error instanceof StoreUnavailable && error.why === 'busy') return { state: 'running' }
    throw error
  }
  const { store, clock, rootKey } = ports
  const secrets = await Secrets.open(store, rootKey)
  await holdToAnchor(store, secrets)
  const audit = await Audit.open(store, clock, secrets, (checkpoint) => {
    options.log.info({ checkpoint }, 'audit checkpoint')
  })
  const { version, rows } = await store.trust()
  const reading = readRows(secrets, version, rows)
  const doubtful = doubtfulRows(secrets, reading, rows)
  if (doubtful.length > 0 && signAnew === undefined) return { state: 'altered', rows: doubtful }
  const chosen = chosenRows(doubtful, signAnew ?? [])
  const bearer = newBearer()
  const token = recoveredToken(bearer, clock.now())
  const atLeast = Math.max(version, await audit.signedTrustVersion())
  const trustVersion = atLeast + 1
  await store.commit({
    expect: { trustVersion: version },
    writes: [
      { type: 'trust-version', atLeast },
      ...decideDoubtful(secrets, { reading, rows }, chosen, { token, version: trustVersion }),
      { type: 'secret', record: new ServerNotes(secrets).record('token-recovery', recoveryOf(token)) },
    ],
    entries: [entry(token, doubtful, chosen)],
    durability: 'disk',
  })
  audit.noteTrust(trustVersion)
  await audit.checkpoint()
  return { state: 'made', id: token.id, token: bearer, expires: new Date(token.expiresMs ?? 0).toISOString() }
}

/** Throws StartError for a row that is not among the doubtful ones, or cannot be signed. */
function chosenRows(doubtful: readonly DoubtfulRow[], signAnew: readonly string[]): ReadonlySet<string> {
  const chosen = new Set<string>()
  for (const word of signAnew) {
    if (word === 'none') continue
    const rows = doubtful.filter(({ row, state }) =>
      word === 'genuine' ? state === 'genuine' : row === word,
    )
    if (rows.length === 0 && word !== 'genuine')
      throw new StartError(`${word} is none of the rows that do not count. Nothing was changed.`)
    if (rows.some(({ state }) => state === 'unreadable'))
      throw new StartError(`the row ${word} cannot be read, and so not be signed. Nothing was changed.`)
    if (rows.some(({ state }) => state === 'over'))
      throw new StartError(
        `${word} is a session or a request, which is not signed again. Nothing was changed.`,
      )
    for (const { row } of rows) chosen.add(row)
  }
  return chosen
}

function entry(token: Token, doubtful: readonly DoubtfulRow[], chosen: ReadonlySet<string>): AuditEntry {
  const dropped = doubtful.length - chosen.size
  return {
    atMs: token.createdMs,
    action: 'token.recover',
    result: 'success',
    instanceId: null,
    object: token.id,
    actor: serverActor,
    reason: null,
    requestId: null,
    detail: {
      name: token.name,
      role: token.role,
      ...(doubtful.length > 0 && { signedAnew: [...chosen].join(','), dropped }),
    },
  }
}
