// `mortise key list`: the keys of an instance, with filters.

import type { Output } from '../../../doors/http/route.ts'
import { keyStates } from '../../../doors/http/words.ts'
import { instanceFlag, verb, type Run } from '../../../doors/cli/command.ts'
import {
  afterFlag,
  limitFlag,
  writeList,
  type Columns,
  type ListOptions,
} from '../../../doors/cli/text/list.ts'
import { instanceOf, wordOf } from '../../../doors/cli/text/names.ts'
import { dayOf, shortTime, timeHelp } from '../../../doors/cli/text/time.ts'
import { shortUse } from '../../../doors/cli/used-by.ts'
import { keyRoutes } from '../routes.ts'

export type Key = Output<typeof keyRoutes.activateKey>
type ListedKey = Output<typeof keyRoutes.listKeys>['keys'][number]

interface KeyListOptions extends ListOptions {
  readonly instance?: string
  readonly state?: string
  readonly recoverable?: boolean
  readonly name?: string
  readonly vsphereName?: string
  readonly component?: string
  readonly identifier?: string
  readonly search?: string
  readonly contains?: string
  readonly createdSince?: string
  readonly createdUntil?: string
  readonly fetchedSince?: string
  readonly notFetchedSince?: string
}

export const listCommand = verb<KeyListOptions>({
  words: 'list',
  summary: 'keys and other objects, newest first; destroyed ones only when asked for',
  flags: [
    instanceFlag,
    ['--state <state>', `${keyStates.slice(0, -1).join(', ')} or ${keyStates.at(-1)}`],
    ['--recoverable', 'destroyed keys that can still be brought back'],
    ['--name <name>', 'keys with this Name'],
    ['--vsphere-name <name>', "keys with this x-Name, which vSphere gives: a VM's name, for example"],
    ['--component <text>', 'keys with this x-Component, which vSphere gives'],
    ['--identifier <text>', 'keys with this x-Identifier, which vSphere gives'],
    ['--search <text>', 'keys of which the id, the Name or an attribute of vSphere is exactly this'],
    [
      '--contains <text>',
      'keys of which one of these contains this, or a machine of the inventory that uses them; in any case, slow among many',
    ],
    ['--created-since <time>', `created since ${timeHelp}`],
    ['--created-until <time>', 'created until then'],
    ['--fetched-since <time>', 'sent to a client since then'],
    ['--not-fetched-since <time>', 'not sent to any client since then'],
    limitFlag,
    afterFlag,
  ],
  examples: [
    'key list',
    'key list --state Active --json',
    'key list --recoverable',
    "key list --vsphere-name 'web server 3'",
    'key list --contains web --not-fetched-since 2026-01-01 --limit 100',
  ],
  action: async (run, options) => {
    const query = queryOf(run, options)
    await writeList(run, options, keyColumns, async () => {
      const admin = await run.client()
      const instance = await instanceOf(admin, options.instance)
      return async (page) => {
        const { keys, after } = await admin.call(keyRoutes.listKeys, {
          instance,
          query: { ...query, ...page },
        })
        return { items: keys, after }
      }
    })
  },
})

function queryOf(run: Run, options: KeyListOptions) {
  const { state, name, search, contains, vsphereName, component, identifier } = options
  const { createdSince, createdUntil, fetchedSince, notFetchedSince } = options
  return {
    ...(state !== undefined && { state: wordOf('state', state, keyStates) }),
    ...(options.recoverable === true && { recoverable: 'true' as const }),
    ...(name !== undefined && { name }),
    ...(search !== undefined && { search }),
    ...(contains !== undefined && { contains }),
    ...(vsphereName !== undefined && { vsphereName }),
    ...(component !== undefined && { vsphereComponent: component }),
    ...(identifier !== undefined && { vsphereIdentifier: identifier }),
    ...(createdSince !== undefined && { createdSince: run.time('--created-since', createdSince) }),
    ...(createdUntil !== undefined && { createdUntil: run.time('--created-until', createdUntil) }),
    ...(fetchedSince !== undefined && { fetchedSince: run.time('--fetched-since', fetchedSince) }),
    ...(notFetchedSince !== undefined && {
      notFetchedSince: run.time('--not-fetched-since', notFetchedSince),
    }),
  }
}

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
