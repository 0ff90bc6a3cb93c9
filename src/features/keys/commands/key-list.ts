// `mortise key list`: the keys of an instance, with filters.

import { command } from '../../../doors/cli/route-command.ts'
import type { Output } from '../../../doors/http/route.ts'
import { keyStates } from '../../../doors/http/words.ts'
import type { Columns } from '../../../doors/cli/text/list.ts'
import { dayOf, shortTime, timeHelp } from '../../../doors/cli/text/time.ts'
import { shortUse } from '../../../doors/cli/used-by.ts'
import { keyRoutes } from '../routes.ts'

export type Key = Output<typeof keyRoutes.activateKey>
type ListedKey = Output<typeof keyRoutes.listKeys>['keys'][number]

export const listCommand = command(keyRoutes.listKeys, {
  words: 'list',
  summary: 'keys and other objects, newest first; destroyed ones only when asked for',
  fields: {
    state: ['--state <state>', `${keyStates.slice(0, -1).join(', ')} or ${keyStates.at(-1)}`],
    recoverable: 'destroyed keys that can still be brought back',
    name: ['--name <name>', 'keys with this Name'],
    vsphereName: [
      '--vsphere-name <name>',
      "keys with this x-Name, which vSphere gives: a VM's name, for example",
    ],
    vsphereComponent: ['--component <text>', 'keys with this x-Component, which vSphere gives'],
    vsphereIdentifier: ['--identifier <text>', 'keys with this x-Identifier, which vSphere gives'],
    search: 'keys of which the id, the Name or an attribute of vSphere is exactly this',
    contains:
      'keys of which one of these contains this, or a machine of the inventory that uses them; in any case, slow among many',
    createdSince: `created since ${timeHelp}`,
    createdUntil: 'created until then',
    fetchedSince: 'sent to a client since then',
    notFetchedSince: 'not sent to any client since then',
  },
  examples: [
    'key list',
    'key list --state Active --json',
    'key list --recoverable',
    "key list --vsphere-name 'web server 3'",
    'key list --contains web --not-fetched-since 2026-01-01 --limit 100',
  ],
  columns: () => keyColumns,
})

const keyColumns: Columns<ListedKey> = {
  headings: ['ID', 'STATE', 'KIND', 'NAME', 'FOR', 'USED BY', 'CREATED', 'LAST FETCHED'],
  rows: (key) => [rowOf(key, shortTime)],
  empty: 'No keys.\n',
  narrow: { rows: (key) => [rowOf(key, dayOf)], cut: { STATE: 11, NAME: 8, FOR: 8, 'USED BY': 8 } },
}

function rowOf(key: ListedKey, timeText: (iso: string | null) => string): readonly string[] {
  const { id, name, vsphere, usedBy, created, lastFetched } = key
  return [
    id,
    stateText(key, timeText),
    kind(key),
    name ?? vsphere.name ?? '',
    vsphereText(key),
    shortUse(usedBy),
    timeText(created),
    timeText(lastFetched),
  ]
}

/** The machine or host that vSphere noted on the key; empty if none. */
export function vsphereText({ vsphere: { component, identifier } }: Pick<Key, 'vsphere'>): string {
  return [component, identifier].filter((text) => text !== null).join(' ')
}

/** The state, and until when a destroyed key can be brought back. */
export function stateText(
  { state, recoverableUntil }: Pick<Key, 'state' | 'recoverableUntil'>,
  timeText: (iso: string) => string = shortTime,
): string {
  return recoverableUntil === null ? state : `${state}, recoverable until ${timeText(recoverableUntil)}`
}

export function kind({ objectType, algorithm, length }: Key): string {
  return algorithm === null ? objectType : `${algorithm}${length === null ? '' : `-${length}`}`
}
