// Whether this database may be served: it must not be older than its anchor. Part of the composition root.

import { statSync } from 'node:fs'
import path from 'node:path'
import type { AnchoredStore, AnchorVerdict } from '../ports/anchor.ts'
import type { SecretStore } from '../ports/secrets.ts'
import type { Secrets } from '../sealing/secrets.ts'

/** Nothing is served before the owner decides. The message says what is known. */
export class RestoreNotAccepted extends Error {
  override readonly name = 'RestoreNotAccepted'
  /** Whether `restore-accept` is a way out. */
  readonly acceptable: boolean
  constructor(message: string, acceptable: boolean) {
    super(message)
    this.acceptable = acceptable
  }
}

/** An anchor is made after the first secrets: where those are missing, this is not its database. Throws RestoreNotAccepted. */
export async function refuseLostDatabase(store: AnchoredStore & SecretStore): Promise<void> {
  if (!store.hasAnchor() || (await store.secrets()).length > 0) return
  throw new RestoreNotAccepted(
    `the database is new or empty, but its anchor ${store.anchorFile} is there: the database was lost, or is not ` +
      'where it was. Nothing was changed. Bring the database back; to begin anew with other keys, move the anchor away',
    false,
  )
}

/** From here on the anchor follows what is synced. Throws RestoreNotAccepted. */
export async function holdToAnchor(store: AnchoredStore, secrets: Secrets): Promise<void> {
  const verdict = await store.anchor(secrets.anchorKey(), { needed: !secrets.bare, mode: 'keep' })
  const found = disagreement(store, verdict)
  if (found !== null) throw new RestoreNotAccepted(`${found}. Nothing is served`, true)
}

/** A sentence without its full stop; null when nothing is wrong. */
export function disagreement({ anchorFile }: AnchoredStore, verdict: AnchorVerdict): string | null {
  const [folder, name] = [path.dirname(anchorFile), path.basename(anchorFile)]
  switch (verdict.state) {
    case 'new':
    case 'agrees':
      return null
    case 'missing':
      return `the database in ${folder} was used before, but its anchor ${name} is missing: it cannot be told whether the database is the newest one`
    case 'unreadable':
      return `the anchor ${name} in ${folder} does not belong to the database beside it: it cannot be told whether the database is the newest one`
    case 'older':
      return `the database in ${folder} is older than its anchor ${name}, which was last written at ${writtenAt(anchorFile)}: ${verdict.findings.join('; ')}`
    default:
      return verdict satisfies never
  }
}

function writtenAt(file: string): string {
  return statSync(file).mtime.toISOString()
}
