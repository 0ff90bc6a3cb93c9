// `mortise key ...`: what keys there are, and their lifecycle. No command shows key material.

import type { Command } from 'commander'
import type { AdminClient } from '../admin/client.ts'
import type { Input, Output } from '../admin/api.ts'
import { instanceFlag, instanceOf, noun, verb, wholeNumber, type Outcome, type Run } from './command.ts'
import { confirmTyped } from './confirm.ts'
import { facts, shortTime, table, visible } from './output.ts'
import { CommandError, type World } from './world.ts'

export function keyCommands(world: World, outcome: Outcome): Command {
  return noun('key', 'the keys of an instance', [
    listCommand(world, outcome),
    showCommand(world, outcome),
    activateCommand(world, outcome),
    revokeCommand(world, outcome),
    destroyCommand(world, outcome),
  ])
}

type Key = Output<'activateKey'>
interface InInstance {
  readonly instance?: string
}

interface ListOptions extends InInstance {
  readonly state?: string
  readonly name?: string
  readonly limit?: string
}

const shownToPeople = 100
const pageSize = 500

function listCommand(world: World, outcome: Outcome): Command {
  return verb<ListOptions>(world, outcome, {
    words: 'list',
    summary: 'keys and other objects, newest first; destroyed ones only when asked for',
    flags: [
      instanceFlag,
      ['--state <state>', 'PreActive, Active, Deactivated, Compromised, Destroyed or DestroyedCompromised'],
      ['--name <name>', 'those with this Name'],
      ['--limit <n>', `at most so many (default: ${shownToPeople}; with --json all)`],
    ],
    examples: ['key list', 'key list --state Active --json', 'key list --limit 1000'],
    action: async (run, { instance, state, name, limit }) => {
      const admin = await run.client()
      const query = {
        ...(state !== undefined && { state: state as never }),
        ...(name !== undefined && { name }),
      }
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
      world.stdout.write(`${before}${JSON.stringify(key)}`)
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

function kind({ objectType, algorithm, length }: Key): string {
  return algorithm === null ? objectType : `${algorithm}${length === null ? '' : `-${length}`}`
}

function showCommand(world: World, outcome: Outcome): Command {
  return verb<InInstance>(world, outcome, {
    words: 'show <id>',
    summary: 'one key with all its attributes',
    flags: [instanceFlag],
    examples: ['key show 5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e', 'key show KEY --json'],
    action: async ({ client, show }, { instance }, id = '') => {
      const admin = await client()
      const key = await admin.call('showKey', { instance: await instanceOf(admin, instance), key: id })
      show(key, () => `${keyFacts(key)}\n${attributeTable(key)}`)
    },
  })
}

function keyFacts(key: Key): string {
  return facts([
    ['Id', key.id],
    ['State', key.state],
    ['Kind', `${kind(key)} (${key.objectType})`],
    ['Name', key.name ?? 'none'],
    ['Created', shortTime(key.created)],
    ['Last fetched', key.lastFetched === null ? 'never' : shortTime(key.lastFetched)],
  ])
}

function attributeTable({ attributes }: Output<'showKey'>): string {
  const rows = attributes.map(({ name, index, value }) => [
    index === 0 ? name : `${name}[${index}]`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return table(['ATTRIBUTE', 'VALUE'], rows)
}

function activateCommand(world: World, outcome: Outcome): Command {
  return verb<InInstance>(world, outcome, {
    words: 'activate <id>',
    summary: 'make a Pre-Active key Active',
    flags: [instanceFlag],
    examples: ['key activate KEY'],
    action: async ({ client, show }, { instance }, id = '') => {
      const admin = await client()
      const key = await admin.call('activateKey', { instance: await instanceOf(admin, instance), key: id })
      show(key, () => nowIs(key))
    },
  })
}

interface RevokeOptions extends InInstance {
  readonly reason?: string
  readonly message?: string
}

function revokeCommand(world: World, outcome: Outcome): Command {
  return verb<RevokeOptions>(world, outcome, {
    words: 'revoke <id>',
    summary: 'deactivate a key (it can still be fetched), or mark it compromised',
    flags: [
      instanceFlag,
      [
        '--reason <reason>',
        'Unspecified, KeyCompromise, Superseded, CessationOfOperation, ... (default: Unspecified)',
      ],
      ['--message <text>', 'kept with the key'],
    ],
    examples: ['key revoke KEY', "key revoke KEY --reason KeyCompromise --message 'host was stolen'"],
    action: async ({ client, show }, { instance, reason, message }, id = '') => {
      const admin = await client()
      const body = {
        ...(reason !== undefined && { reason: reason as never }),
        ...(message !== undefined && { message }),
      }
      const key = await admin.call('revokeKey', {
        instance: await instanceOf(admin, instance),
        key: id,
        body,
      })
      show(key, () => nowIs(key))
    },
  })
}

function destroyCommand(world: World, outcome: Outcome): Command {
  return verb<InInstance & { readonly yes?: boolean }>(world, outcome, {
    words: 'destroy <id>',
    summary: 'remove the material of a key for good; what it encrypted can never be read again',
    flags: [instanceFlag, ['--yes', 'do not ask for the id or name again']],
    examples: ['key destroy KEY', 'key destroy KEY --yes --json'],
    action: async ({ world, client, show }, { instance, yes }, id = '') => {
      const admin = await client()
      const where = await instanceOf(admin, instance)
      if (yes !== true) {
        const key = await admin.call('showKey', { instance: where, key: id })
        world.stderr.write(
          `${keyFacts(key)}What this key encrypts can never be read again once it is destroyed.\n`,
        )
        const names = [key.id, key.name, key.vsphere.name].filter((name) => name !== null)
        if (!(await confirmTyped(world, 'Type its id or name to destroy it: ', names)))
          throw new CommandError('not destroyed: that is not its id or name')
      }
      const key = await admin.call('destroyKey', { instance: where, key: id })
      show(key, () => nowIs(key))
    },
  })
}

function nowIs(key: Key): string {
  return `${visible(key.id)} is ${key.state} now.\n`
}
