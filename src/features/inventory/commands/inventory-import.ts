// Sends a file of machines and keys to the server, in parts. Nothing changes there before the last part: a mistake in the
// file, or an end of this process, leaves the former inventory.

import type { Input, Output } from '../../../doors/http/route.ts'
import { AdminUnreachable, type AdminClient } from '../../../doors/http/client.ts'
import { InventoryFileError } from '../../../base/records/file-error.ts'
import { readInventoryFile } from '../read-file.ts'
import type { FileRow } from '../rows.ts'
import { adminPartBytesMax } from '../../../base/bounds.ts'
import { inventoryBatchRowsMax } from '../bounds.ts'
import type { Run } from '../../../doors/cli/command.ts'
import { openInput, type OpenedInput } from '../../../doors/cli/files.ts'
import { Progress } from '../../../doors/cli/text/progress.ts'
import { CommandError } from '../../../doors/cli/world.ts'
import { inventoryRoutes } from '../routes.ts'

export interface InventoryImportOptions {
  /** `-`: standard input. */
  readonly file: string
  readonly vcenter?: string
  readonly taken?: string
}

export interface InventoryImportResult {
  readonly inventory: Output<typeof inventoryRoutes.finishInventoryImport>
  /** Machines of the file that have no key. */
  readonly withoutKey: number
}

type Machine = Input<typeof inventoryRoutes.addInventoryRows>['body']['machines'][number]

/** A smaller file shows no progress. */
const shownBytesMin = 1024 * 1024

/** Throws CommandError where the file has a mistake. */
export async function importFile(
  run: Run,
  admin: AdminClient,
  instance: string,
  options: InventoryImportOptions,
): Promise<InventoryImportResult> {
  const { file, vcenter } = options
  const taken = options.taken === undefined ? undefined : run.time('--taken', options.taken)
  const input = await openInput(run.world, file)
  const progress = new Progress(run.world.stderr, 'bytes')
  const rows = readInventoryFile(counted(input, progress))
  const sending = new Sending(admin, instance)
  let withoutKey = 0
  try {
    let first: FileRow | undefined
    for await (const row of rows) {
      first ??= row
      if (vcenter === undefined) requireSame(first, row)
      if (row.row === null) {
        withoutKey++
        continue
      }
      const takenMs = first.takenMs ?? input.modifiedMs ?? run.world.now()
      await sending.add(row.row, () => ({
        vcenter: vcenter ?? first?.vcenter ?? '',
        taken: taken ?? new Date(takenMs).toISOString(),
      }))
    }
    if (!sending.begun) throw nothingIn(withoutKey)
    const inventory = await sending.finish()
    progress.finish(0)
    return { inventory, withoutKey }
  } catch (error) {
    await sending.cancel()
    throw withFile(file, error)
  } finally {
    progress.end()
  }
}

class Sending {
  readonly #admin: AdminClient
  readonly #instance: string
  #import: string | undefined
  #part: Machine[] = []
  #bytes = 0

  constructor(admin: AdminClient, instance: string) {
    this.#admin = admin
    this.#instance = instance
  }

  get begun(): boolean {
    return this.#part.length > 0 || this.#import !== undefined
  }

  /** `about`: what the import is of; asked when its first part is sent. */
  async add(
    machine: Machine,
    about: () => Input<typeof inventoryRoutes.beginInventoryImport>['body'],
  ): Promise<void> {
    const bytes = Buffer.byteLength(JSON.stringify(machine)) + 1
    if (this.#part.length >= inventoryBatchRowsMax || this.#bytes + bytes > adminPartBytesMax)
      await this.#send()
    if (this.#import === undefined) {
      const begun = await this.#admin.call(inventoryRoutes.beginInventoryImport, {
        instance: this.#instance,
        body: about(),
      })
      this.#import = begun.id
    }
    this.#part.push(machine)
    this.#bytes += bytes
  }

  async finish(): Promise<Output<typeof inventoryRoutes.finishInventoryImport>> {
    await this.#send()
    const done = await this.#admin.call(inventoryRoutes.finishInventoryImport, this.#place())
    this.#import = undefined
    return done
  }

  /** The server forgets by itself an import that cannot be cancelled now. */
  async cancel(): Promise<void> {
    if (this.#import === undefined) return
    await this.#admin.call(inventoryRoutes.cancelInventoryImport, this.#place()).catch(() => undefined)
  }

  async #send(): Promise<void> {
    if (this.#part.length === 0) return
    await this.#admin.call(inventoryRoutes.addInventoryRows, {
      ...this.#place(),
      body: { machines: this.#part },
    })
    this.#part = []
    this.#bytes = 0
  }

  #place() {
    return { instance: this.#instance, import: this.#import ?? '' }
  }
}

async function* counted({ bytes, size }: OpenedInput, progress: Progress): AsyncGenerator<Uint8Array> {
  let done = 0
  for await (const part of bytes) {
    yield part
    done += part.length
    if (size !== null && size >= shownBytesMin) progress.tell({ done, total: size, trouble: null })
  }
}

function requireSame(first: FileRow, { line, vcenter }: FileRow): void {
  if (vcenter === first.vcenter) return
  const [was, is] = [first.vcenter, vcenter].map((name) =>
    name === '' ? 'no vCenter' : `the vCenter ${name}`,
  )
  throw new InventoryFileError(
    line,
    `it names ${is ?? ''}, and line ${String(first.line)} names ${was ?? ''}`,
    'Write one file for each vCenter, or give all of it one name: --vcenter NAME',
  )
}

function nothingIn(withoutKey: number): InventoryFileError {
  const rows = withoutKey === 0 ? '' : `; rows without a key: ${String(withoutKey)}`
  return new InventoryFileError(
    null,
    `it names no machine with a key, and nothing was imported${rows}`,
    'If this vCenter uses no keys any more, remove its inventory: mortise inventory remove',
  )
}

function withFile(file: string, error: unknown): unknown {
  if (error instanceof InventoryFileError) return inFile(file, error)
  if (!(error instanceof AdminUnreachable)) return error
  return new CommandError(
    `the server went away: ${error.message}`,
    'The former inventory stays until all of the new one is there: mortise inventory show says what counts. Give the same command again.',
    { cause: error },
  )
}

function inFile(file: string, error: InventoryFileError): CommandError {
  const place = error.line === null ? file : `${file}, line ${String(error.line)}`
  return new CommandError(`${place}: ${error.message}`, error.hint ?? 'Nothing was imported.', {
    cause: error,
  })
}
