// The restores of instances into a running server: the files that are sent for them, what one would do, and the one of each source that runs
// or ran last, as a job that a request begins (doors/http/jobs.ts). The first request for a source loads what does its work.

import path from 'node:path'
import type { By } from '../../core/audit/actor.ts'
import { BackupError } from '../../core/backup/error.ts'
import { maybeBackup } from '../../core/backup/manifest.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import { Refusal } from '../../base/refusal.ts'
import { refusalOf } from '../../doors/http/faults.ts'
import { Jobs, serverStops, wholeServer, type Job } from '../../doors/http/jobs.ts'
import { serverIdOf } from '../../host/server-id.ts'
import type { BackupPreview } from './question.ts'
import type { BackupReport, KeyProtectReport } from './report.ts'
import type {
  BackupOpening,
  BackupRestoreProgress,
  BackupRestoreRequest,
  KeyProtectProgress,
  KeyProtectRestoreRequest,
  RestoreParts,
} from './source.ts'
import { Uploads } from './uploads.ts'

interface ShownKeyProtect {
  readonly request: Omit<KeyProtectRestoreRequest, 'apiKey'>
  readonly progress: KeyProtectProgress
}
interface ShownBackup {
  readonly progress: BackupRestoreProgress
}
export type KeyProtectRestore = Job<ShownKeyProtect, KeyProtectReport>
export type BackupRestore = Job<ShownBackup, BackupReport>

/** Opens the work of restores. Disposal of `opened` stops it. */
export async function openRestores(
  {
    secrets,
    dataFolder,
    ...parts
  }: Omit<RestoreParts, 'serverId'> & { readonly secrets: Secrets; readonly dataFolder: string },
  opened: AsyncDisposableStack,
): Promise<Restores> {
  const uploads = new Uploads(path.join(dataFolder, 'uploads'), parts.clock)
  await uploads.clear()
  uploads.start((error) => parts.log.error({ error }, 'remove files that no client goes on sending'))
  const restores = new Restores({ ...parts, serverId: await serverIdOf(secrets) }, uploads)
  opened.defer(() => restores.stop())
  return restores
}

export class Restores {
  readonly #parts: RestoreParts
  readonly #uploads: Uploads
  readonly #fromKeyProtect: Jobs<ShownKeyProtect, KeyProtectReport>
  readonly #fromBackup: Jobs<ShownBackup, BackupReport>

  constructor(parts: RestoreParts, uploads: Uploads) {
    this.#parts = parts
    this.#uploads = uploads
    const failed = (what: string) => (error: unknown) => parts.log.error({ error }, what)
    this.#fromKeyProtect = jobs(failed('restore an instance'))
    this.#fromBackup = jobs(failed('restore an instance from a backup'))
  }

  /** Makes room for a file of this many bytes; its id. Throws Refusal. */
  beginUpload(bytes: number): Promise<string> {
    return this.#uploads.begin(bytes)
  }

  /**
   * Adds bytes that begin at `at`; how many are here now. A part that is here already changes nothing. Throws Refusal: at the first part
   * of another file, since a large one takes long to send.
   */
  async addPart(upload: string, at: number, part: Uint8Array): Promise<number> {
    if (at === 0 && !maybeBackup(part))
      throw new Refusal('bad-request', 'the file is not a backup of Mortise')
    return this.#uploads.add(upload, at, part)
  }

  /** False: there was none. */
  removeUpload(upload: string): Promise<boolean> {
    return this.#uploads.remove(upload)
  }

  /** Throws Refusal. */
  async preview(opening: BackupOpening): Promise<BackupPreview> {
    const [{ lookAtBackup }, { previewOf }] = await Promise.all([
      import('./sources/instance.ts'),
      import('./question.ts'),
    ])
    return asRefused(async () =>
      previewOf(await lookAtBackup(this.#parts, this.#uploads, opening), await this.#parts.access.snapshot()),
    )
  }

  /** Begins a restore from a backup in the background. Throws Refusal where the preview would be refused, or a confirmation is missing. */
  async beginFromBackup(by: By, request: BackupRestoreRequest): Promise<BackupRestore> {
    const [{ instanceOfBackup, lookAtBackup }, { requireConfirmed }, { restoreInstance }] = await Promise.all(
      [import('./sources/instance.ts'), import('./question.ts'), import('./write.ts')],
    )
    const inBackup = await asRefused(() => lookAtBackup(this.#parts, this.#uploads, request))
    requireConfirmed(inBackup, request)
    const progress: BackupRestoreProgress = { step: 'check', done: 0, total: 0 }
    return this.#fromBackup.begin(wholeServer, { progress }, async (working) => {
      const report = await this.#uploads.use(request.upload, () =>
        this.#during(() =>
          restoreInstance(
            this.#parts.store,
            instanceOfBackup(this.#parts, by, { request, inBackup: inBackup }, working),
            working.signal,
          ),
        ),
      )
      await this.#uploads.remove(request.upload)
      return report
    })
  }

  /** undefined: there was no restore from a backup with this id since the server started, or another one came after it. */
  showFromBackup(id: string): BackupRestore | undefined {
    return this.#fromBackup.show(wholeServer, id)
  }

  /** Whether a restore from Key Protect runs, or ran since the server started. */
  get isBegun(): boolean {
    return this.#fromKeyProtect.last(wholeServer) !== undefined
  }

  /** Returns the last restore from Key Protect if it was asked for the same and runs or is done. */
  async same(request: KeyProtectRestore['request']): Promise<KeyProtectRestore | undefined> {
    const before = this.#fromKeyProtect.last(wholeServer)?.ended
    const isThere =
      before?.state === 'done' && (await this.#parts.access.instance(before.report.instance.id)) !== undefined
    const last = this.#fromKeyProtect.last(wholeServer)
    const isSame = last && JSON.stringify(fieldsOf(last.request)) === JSON.stringify(fieldsOf(request))
    return isSame && (last.ended === null || (isThere && last.ended === before)) ? last : undefined
  }

  /** Begins a restore from Key Protect, or returns the same one that runs or is done. Throws Refusal while another one runs. */
  async begin(by: By, request: KeyProtectRestoreRequest): Promise<KeyProtectRestore> {
    const { apiKey: _, ...kept } = request
    const same = await this.same(kept)
    if (same) return same
    const progress: KeyProtectProgress = { step: 'list', done: 0, total: null, trouble: null }
    return this.#fromKeyProtect.begin(wholeServer, { request: kept, progress }, async (working) => {
      const [{ keyProtectSource }, { restoreInstance }] = await Promise.all([
        import('./sources/key-protect.ts'),
        import('./write.ts'),
      ])
      const source = keyProtectSource(this.#parts, by, request, working)
      return this.#during(() => restoreInstance(this.#parts.store, source, working.signal))
    })
  }

  /** undefined: there was no restore from Key Protect with this id since the server started, or another one came after it. */
  show(id: string): KeyProtectRestore | undefined {
    return this.#fromKeyProtect.show(wholeServer, id)
  }

  /** Stops the running restores at the next place where they can be done again. */
  async stop(): Promise<void> {
    await Promise.all([this.#fromKeyProtect.stop(), this.#fromBackup.stop()])
    await this.#uploads.stop()
  }

  #during<T>(work: () => Promise<T>): Promise<T> {
    return this.#parts.leases.during('restore', work)
  }
}

function fieldsOf(request: KeyProtectRestore['request']): readonly unknown[] {
  const { rootKeyUri, otherRootKeyUris = [], partial = false, instanceId, name } = request
  return [rootKeyUri, otherRootKeyUris, partial, instanceId, name]
}

/** Rejects with the refusal of the error, where the administrator who named a backup and a root key may see it. */
async function asRefused<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw restoreRefusal(error) ?? error
  }
}

function jobs<Shown extends { readonly progress: unknown }, Report>(
  onFailure: (error: unknown) => void,
): Jobs<Shown, Report> {
  return new Jobs({
    busy: () => new Refusal('conflict', 'another restore is under way', 'Try again when it is done.'),
    refusalOf: (error, stops) => restoreRefusal(error) ?? (stops ? serverStops() : undefined),
    onFailure,
  })
}

/** undefined: the error is a bug or an outage. */
function restoreRefusal(error: unknown): Refusal | undefined {
  if (error instanceof BackupError) return new Refusal('refused', error.message, error.hint)
  if (error instanceof RootKeyError)
    return new Refusal(
      'refused',
      error.message,
      'Nothing of the instance is here yet. When the root key answers, do the same again.',
    )
  return refusalOf(error)
}
