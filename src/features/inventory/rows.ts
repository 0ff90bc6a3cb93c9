// Makes rows of an inventory of the records of a file: finds the columns by their names, and checks what is in them. Pure.

import { didYouMean } from '../../base/text/closest.ts'
import { uniqueIdentifierBytesMax } from '../../base/bounds.ts'
import { inventoryTextCharactersMax } from './bounds.ts'
import type { InventoryRow } from '../../core/ports/inventory.ts'
import { InventoryFileError } from '../../base/records/file-error.ts'

export const machineKinds = ['vm', 'host', 'vsan-cluster', 'disk'] as const
type MachineKind = (typeof machineKinds)[number]

export interface FileRow {
  /** From 1. */
  readonly line: number
  /** null: the machine has no key. */
  readonly row: (InventoryRow & { readonly kind: MachineKind }) | null
  /** Empty: the row does not name it. */
  readonly vcenter: string
  /** Milliseconds since 1970; null: the row does not say when it was taken. */
  readonly takenMs: number | null
}

type Field = keyof InventoryRow | 'vcenter' | 'taken'

/** The names of each column, without capitals, spaces, hyphens and underscores; the first as docs/inventory.md has it. */
const names: Record<Field, readonly string[]> = {
  name: ['name', 'machine', 'machinename', 'vmname'],
  kind: ['kind', 'type', 'machinekind'],
  key: ['keyid', 'key', 'keyidentifier', 'kekid', 'uniqueidentifier', 'identifier', 'id'],
  provider: ['provider', 'providerid', 'keyprovider', 'keyproviderid', 'kmscluster'],
  machineId: ['machineid', 'moref', 'moid'],
  disk: ['disk', 'device'],
  vcenter: ['vcenter', 'vcenterserver'],
  taken: ['taken', 'takenat'],
}
const shown: Record<Field, string> = {
  name: 'name',
  kind: 'kind',
  key: 'keyId',
  provider: 'provider',
  machineId: 'machineId',
  disk: 'disk',
  vcenter: 'vcenter',
  taken: 'taken',
}
const needed = ['name', 'kind', 'key'] as const
const pageHint = 'docs/inventory.md has a script for PowerCLI and commands for govc that write such a file.'

const kinds: Readonly<Record<string, MachineKind>> = {
  vm: 'vm',
  virtualmachine: 'vm',
  host: 'host',
  hostsystem: 'host',
  esxi: 'host',
  vsancluster: 'vsan-cluster',
  vsan: 'vsan-cluster',
  cluster: 'vsan-cluster',
  clustercomputeresource: 'vsan-cluster',
  disk: 'disk',
  fcd: 'disk',
  vstorageobject: 'disk',
}

/** Which name of a file's own stands for which field. */
export type FieldColumns = ReadonlyMap<Field, string>

/** `line`: where the names are. Unknown names are left out. Throws InventoryFileError. */
export function columnsOf(names: readonly string[], line: number): FieldColumns {
  const columns = new Map<Field, string>()
  for (const name of names) {
    const field = fieldOf(name)
    if (field === undefined) continue
    const other = columns.get(field)
    if (other !== undefined)
      throw new InventoryFileError(line, `both ${other} and ${name} name the ${shown[field]}: leave one out`)
    columns.set(field, name)
  }
  const missing = needed.filter((field) => !columns.has(field)).map((field) => shown[field])
  if (missing.length > 0)
    throw new InventoryFileError(
      line,
      `there is no ${missing.join(' and no ')} among: ${names.slice(0, 20).join(', ').slice(0, 300)}`,
      pageHint,
    )
  return columns
}

function fieldOf(name: string): Field | undefined {
  const word = plainWord(name)
  return (Object.keys(names) as Field[]).find((field) => names[field].includes(word))
}

/** `valueOf`: the value under a name of the file's own. Throws InventoryFileError. */
export function fileRow(columns: FieldColumns, valueOf: (name: string) => unknown, line: number): FileRow {
  const text = (field: Field): string => {
    const name = columns.get(field)
    return name === undefined ? '' : textOf(valueOf(name), name, line)
  }
  const key = text('key')
  if (Buffer.byteLength(key) > uniqueIdentifierBytesMax)
    throw new InventoryFileError(
      line,
      `its ${columns.get('key') ?? 'key'} is longer than a key identifier may be`,
    )
  const taken = text('taken')
  const about = { line, vcenter: text('vcenter'), takenMs: taken === '' ? null : timeOf(taken, line) }
  if (key === '') return { ...about, row: null }
  const name = text('name')
  if (name === '') throw new InventoryFileError(line, 'it has a key and no name of a machine')
  const more = { machineId: text('machineId'), disk: text('disk'), provider: text('provider') }
  return { ...about, row: { key, name, kind: kindOf(text('kind'), line), ...more } }
}

function textOf(value: unknown, name: string, line: number): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new InventoryFileError(line, `its ${name} is not a text`, pageHint)
  const text = String(value)
  if (text.includes('\0')) throw new InventoryFileError(line, `its ${name} holds a NUL`)
  if (text.length > inventoryTextCharactersMax && fieldOf(name) !== 'key')
    throw new InventoryFileError(
      line,
      `its ${name} has more than ${String(inventoryTextCharactersMax)} characters`,
    )
  return text
}

function kindOf(text: string, line: number): MachineKind {
  const word = plainWord(text)
  const kind = Object.hasOwn(kinds, word) ? kinds[word] : undefined
  if (kind !== undefined) return kind
  const suggestion = didYouMean(text, machineKinds)
  throw new InventoryFileError(line, `its kind is ${machineKinds.join(', or ')}, not ${text}${suggestion}`)
}

function timeOf(text: string, line: number): number {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms))
    throw new InventoryFileError(line, `taken is a time such as 2026-11-25T10:00:00Z, not ${text}`)
  return ms
}

function plainWord(text: string): string {
  return text.toLowerCase().replaceAll(/[\s_.-]/g, '')
}
