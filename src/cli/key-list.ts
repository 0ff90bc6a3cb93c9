// `mortise key list`: which keys there are, by all that is known of them.

import type { Command } from 'commander'
import type { AdminClient } from '../admin/client.ts'
import type { Input, Output } from '../admin/api.ts'
import { dateTime, instanceFlag, instanceOf, verb, wholeNumber, type Outcome, type Run } from './command.ts'
import { plainJson, shortTime, table } from './output.ts'
import type { World } from './world.ts'

export type Key = Output<'activateKey'>

interface ListOptions {
  readonly instance?: string
  readonly state?: string
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
  readonly limit?: string
}

const shownToPeople = 100
const pageSize = 500

export function listCommand(world: World, outcome: Outcome): Command {
  return verb<ListOptions>(world, outcome, {
    words: 'list',
    summary: 'keys and other objects, newest first; destroyed ones only when asked for',
    flags: [
      instanceFlag,
      ['--state <state>', 'PreActive, Active, Deactivated, Compromised, Destroyed or DestroyedCompromised'],
      ['--name <name>', 'those with this Name'],
      ['--vsphere-name <name>', "those that vSphere calls so (x-Name): a VM's name, for example"],
      ['--component <text>', 'x-Component, as vSphere noted it'],
      ['--identifier <text>', 'x-Identifier, as vSphere noted it'],
      ['--search <text>', 'what is called exactly so in any way: id, Name or one of vSphere'],
      ['--contains <text>', 'a part of any of these, in any case; looks at one key after the other'],
      ['--created-since <date>', 'such as 2026-03-01'],
      ['--created-until <date>', 'not younger'],
      ['--fetched-since <date>', 'sent to a client since then'],
      ['--not-fetched-since <date>', 'never sent, or last before then'],
      ['--limit <n>', `at most so many (default: ${shownToPeople}; with --json all)`],
    ],
    examples: [
      'key list',
      'key list --state Active --json',
      "key list --vsphere-name 'web server 3'",
      'key list --contains web --not-fetched-since 2026-01-01 --limit 1000',
    ],
    action: async (run, options) => {
      const { instance, limit } = options
      const query = queryOf(options)
      const admin = await run.client()
      const most =
        limit === undefined
          ? run.json
            ? Number.POSITIVE_INFINITY
            : shownToPeople
          : wholeNumber('--limit', limit)
      const keys = pages(admin, { instance: await instanceOf(admin, instance), query }, most)
      if (run.json) await writeArray(run, keys)
      else await writeTable(run, keys, most)
    },
  })
}

function queryOf(options: ListOptions): NonNullable<Input<'listKeys'>['query']> {
  const { state, name, search, contains, vsphereName, component, identifier } = options
  const asked = {
    state,
    name,
    search,
    contains,
    vsphereName,
    vsphereComponent: component,
    vsphereIdentifier: identifier,
    createdSince: date('--created-since', options.createdSince),
    createdUntil: date('--created-until', options.createdUntil),
    fetchedSince: date('--fetched-since', options.fetchedSince),
    notFetchedSince: date('--not-fetched-since', options.notFetchedSince),
  }
  // What was not asked is left out; the state is the server's to check.
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined))
}

function date(flag: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : dateTime(flag, text)
}

/** Keys of all pages, up to `most`. */
async function* pages(admin: AdminClient, { instance, query }: Input<'listKeys'>, most: number) {
  let left = most
  let after: string | null = null
  do {
    const limit = Math.min(left, pageSize)
    const page: Output<'listKeys'> = await admin.call('listKeys', {
      instance,
      query: { ...query, limit, ...(after !== null && { after }) },
    })
    yield { keys: page.keys, more: page.after !== null }
    left -= page.keys.length
    after = page.after
  } while (after !== null && left > 0)
}

async function writeArray({ world }: Run, found: ReturnType<typeof pages>): Promise<void> {
  let before = '[\n'
  for await (const { keys } of found) {
    for (const key of keys) {
      world.stdout.write(`${before}${plainJson(JSON.stringify(key))}`)
      before = ',\n'
    }
  }
  world.stdout.write(before === '[\n' ? '[]\n' : '\n]\n')
}

async function writeTable({ world }: Run, found: ReturnType<typeof pages>, most: number): Promise<void> {
  const all: Key[] = []
  let unseen = false
  for await (const { keys, more } of found) {
    all.push(...keys)
    unseen = more
  }
  world.stdout.write(all.length === 0 ? 'No keys.\n' : keyTable(all))
  if (unseen)
    world.stdout.write(`\nThere are more than these ${most}: see more with --limit N, or all with --json.\n`)
}

function keyTable(keys: readonly Key[]): string {
  return table(
    ['ID', 'STATE', 'KIND', 'NAME', 'FOR', 'CREATED', 'LAST FETCHED'],
    keys.map((key) => [
      key.id,
      key.state,
      kind(key),
      key.name ?? key.vsphere.name ?? '',
      [key.vsphere.component, key.vsphere.identifier].filter((text) => text !== null).join(' '),
      shortTime(key.created),
      shortTime(key.lastFetched),
    ]),
  )
}

export function kind({ objectType, algorithm, length }: Key): string {
  return algorithm === null ? objectType : `${algorithm}${length === null ? '' : `-${length}`}`
}
