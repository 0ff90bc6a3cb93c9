// Notices a database that was last used on another machine: a snapshot of a volume, a copy, a clone. The original may still run,
// and trust that was withdrawn there may still count here. Part of the composition root.

import { createHmac } from 'node:crypto'
import { readFile, readlink, stat } from 'node:fs/promises'
import path from 'node:path'
import type { AnchoredStore } from '../ports/anchor.ts'
import type { SecretRecord } from '../ports/secrets.ts'
import type { Secrets } from '../sealing/secrets.ts'
import { RestoreNotAccepted } from './anchor.ts'

const secretName = 'machine'
/** The kernel's own number of the first process namespace. */
const firstNamespace = 'pid:[4026531836]'

/**
 * Identifies this machine by a hash, since the id itself must not be shown (machine-id(5)). Null: unknown. `file`: left out, the
 * system's.
 */
export async function readMachine(file?: string): Promise<string | null> {
  if (file === undefined && !(await lasts())) return null
  const id = (await readFile(file ?? '/etc/machine-id', 'utf8').catch(() => '')).trim()
  if (!/^[0-9a-f]{32}$/.test(id)) return null
  return createHmac('sha256', id).update('mortise machine 1').digest('hex')
}

/** Whether the system's id lasts: in a container it belongs to the image, and beside /run/machine-id each boot makes a new one. */
async function lasts(): Promise<boolean> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  const isNew = await stat('/run/machine-id').catch(() => null)
  return namespace === firstNamespace && isNew === null
}

/** Remembers the machine for the next start. Throws RestoreNotAccepted if the last machine was another one. */
export async function holdToMachine(
  store: AnchoredStore,
  secrets: Pick<Secrets, 'get' | 'put'>,
  machine: string | null,
): Promise<void> {
  const otherMachineId = otherMachine(store, secrets, machine)
  if (otherMachineId !== null)
    throw new RestoreNotAccepted(`${otherMachineId}. Nothing is served`, { acceptable: true, moved: true })
  if (machine !== null && lastMachine(secrets) === null) await secrets.put(secretName, Buffer.from(machine))
}

/** Returns a sentence without its full stop, or null if the last machine was this one, or if either is unknown. */
export function otherMachine(
  { anchorFile }: AnchoredStore,
  secrets: Pick<Secrets, 'get'>,
  machine: string | null,
): string | null {
  const last = lastMachine(secrets)
  if (machine === null || last === null || last === machine) return null
  return `the database in ${path.dirname(anchorFile)} was last used on another machine: it was moved here, or is a copy of a database that may still be in use there`
}

/** To be committed when the owner accepts the database on this machine. */
export function machineRecords(
  secrets: Pick<Secrets, 'seal'>,
  machine: string | null,
): readonly SecretRecord[] {
  return machine === null ? [] : [secrets.seal(secretName, Buffer.from(machine))]
}

function lastMachine(secrets: Pick<Secrets, 'get'>): string | null {
  return secrets.get(secretName)?.toString() ?? null
}
