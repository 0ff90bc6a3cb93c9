// `mortise key ...`: the keys of an instance and their lifecycle. No command shows key material; features/key-export/commands.ts writes it
// sealed.

import { command } from '../../../doors/cli/route-command.ts'
import type { Output, Input } from '../../../doors/http/route.ts'
import { revocationReasons } from '../../../doors/http/words.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import { noun, oneOfWords } from '../../../doors/cli/command.ts'
import { confirmTyped } from '../../../doors/cli/text/confirm.ts'
import { kind, listCommand, stateText, vsphereText, type Key } from './key-list.ts'
import { durationText } from '../../../doors/cli/text/amounts.ts'
import { attributeRows, facts, plain, table } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { inUseFlag, usedByText } from '../../../doors/cli/used-by.ts'
import { CommandError } from '../../../doors/cli/world.ts'
import { instanceRoutes } from '../../instances/routes.ts'
import { keyRoutes } from '../routes.ts'
import { findNamedKey, namedKey } from './named-key.ts'

export const keyCommands = noun('key', 'the keys of an instance', () => [
  listCommand,
  showCommand,
  createCommand,
  activateCommand,
  revokeCommand,
  destroyCommand,
  undestroyCommand,
  setCommand,
])

const showCommand = command(keyRoutes.showKey, {
  words: 'show <id>',
  summary: 'one key with all its attributes',
  examples: ['key show 5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e', 'key show KEY --json'],
  find: namedKey,
  view: (key, { run }) => `${detailFacts(key, run.world.now())}\n${fetchTable(key)}\n${attributeTable(key)}`,
})

function keyFacts(key: Key, more: readonly (readonly [string, string])[] = []): string {
  return facts([
    ['Id', key.id],
    ['State', stateText(key)],
    ['Kind', `${kind(key)} (${key.objectType})`],
    ['Name', key.name ?? key.vsphere.name ?? 'none'],
    ...(vsphereText(key) === '' ? [] : [['For', vsphereText(key)] as const]),
    ['Created', shortTime(key.created)],
    ['Last fetched', key.lastFetched === null ? 'never' : shortTime(key.lastFetched)],
    ...more,
  ])
}

/** With the machines that use it, if an inventory was imported. */
function detailFacts(key: Output<typeof keyRoutes.showKey>, nowMs: number): string {
  const { usedBy, wrapsSensitive } = key
  return keyFacts(key, [
    ...(usedBy === null ? [] : [['In use', usedByText(usedBy, nowMs).replace(/^in use /, '')] as const]),
    ...(wrapsSensitive === null ? [] : [['Wrapping key', wrappingText(wrapsSensitive)] as const]),
  ])
}

function fetchTable({ fetches: { times, complete, by } }: Output<typeof keyRoutes.showKey>): string {
  if (times === 0) return 'No client fetched it, as far as the audit log goes back.\n'
  const rows = by.map((one) => [
    one.client,
    one.certificateSha256?.slice(0, 16) ?? '',
    one.address ?? '',
    String(one.times),
    shortTime(one.first),
    shortTime(one.last),
  ])
  const more = complete ? '' : plain`Only the last ${times} fetches are counted; the audit log has all.\n`
  return `${table(['FETCHED BY', 'CERTIFICATE', 'FROM', 'TIMES', 'FIRST', 'LAST'], rows)}${more}`
}

function attributeTable({ attributes }: Output<typeof keyRoutes.showKey>): string {
  return table(['ATTRIBUTE', 'VALUE'], attributeRows(attributes))
}

const createCommand = command(keyRoutes.createKey, {
  words: 'create',
  summary: 'create an AES-256 key that encrypts and wraps, such as the wrapping key of vSphere 9',
  fields: {
    name: ['--name <name>', 'its Name, unique in the instance'],
    activate: 'create it Active (default: Pre-Active)',
  },
  examples: ['key create --instance default --name wrapping-2026 --activate', 'key create --json'],
  view: (key) => keyFacts(key),
  tell: () => '\nIn vSphere 9, enter this id as the wrapping key of the provider.\n',
})

const activateCommand = command(keyRoutes.activateKey, {
  words: 'activate <id>',
  summary: 'make a Pre-Active key Active',
  examples: ['key activate KEY'],
  find: namedKey,
  view: nowIs,
})

const revokeCommand = command(keyRoutes.revokeKey, {
  words: 'revoke <id>',
  summary: 'deactivate a key (it can still be fetched), or mark it compromised',
  fields: {
    reason: ['--reason <reason>', `one of ${revocationReasons.join(', ')} (default: Unspecified)`],
    message: 'a message that is kept with the key',
    occurred: false,
  },
  examples: ['key revoke KEY', "key revoke KEY --reason KeyCompromise --message 'host was stolen'"],
  find: namedKey,
  view: nowIs,
})

const destroyCommand = command(keyRoutes.destroyKey, {
  words: 'destroy <id>',
  summary:
    'delete the material of a key for good, at once or after the destroy delay of its instance; what it encrypted can then never be read again',
  fields: {
    yes: ['--yes', 'do not ask for the id or name again; needs the whole id'],
    inUse: inUseFlag,
  },
  examples: ['key destroy KEY', 'key destroy KEY --yes --json', 'key destroy KEY --yes --in-use 3'],
  // With --yes no person looks at the key again, so a script has to give the whole id.
  find: (admin, text, where, { yes }) => (yes === true ? text : namedKey(admin, text, where)),
  confirm: async ({ run: { world }, admin, options, input: { instance, key: id, query } }) => {
    if (options['yes'] === true) return undefined
    const key = await admin.call(keyRoutes.showKey, { instance, key: id })
    // The server refuses it too, and only after the name was typed.
    if (key.state === 'Active')
      throw new CommandError(
        'cannot destroy this key: it is Active',
        `Revoke it first: mortise key revoke ${shellWord(key.id)}`,
      )
    const { destroyDelaySeconds } = await admin.call(instanceRoutes.showInstance, { instance })
    world.stderr.write(`${detailFacts(key, world.now())}${destroyWarning(destroyDelaySeconds)}\n`)
    const names = [key.id, key.name, key.vsphere.name].filter((name) => name !== null)
    if (!(await confirmTyped(world, 'Type its id or name to destroy it: ', names)))
      throw new CommandError('not destroyed: that is not its id or name')
    return { query: { inUse: query?.inUse ?? key.usedBy?.machines } }
  },
  view: nowIs,
})

function destroyWarning(delaySeconds: number): string {
  if (delaySeconds === 0) return 'What this key encrypted can never be read again once it is destroyed.'
  return (
    `No client can use this key once it is destroyed. It can be brought back for ${durationText(delaySeconds)} (mortise key ` +
    'undestroy); then what it encrypted can never be read again.'
  )
}

const undestroyCommand = command(keyRoutes.undestroyKey, {
  words: 'undestroy <id>',
  summary: 'bring a destroyed key back, in the state that it had, as long as its instance keeps it',
  fields: { withoutTakenNames: 'bring it back without those of its Names that another key has now' },
  examples: ['key undestroy KEY', 'key undestroy KEY --without-taken-names'],
  find: (admin, text, { instance = '' }) => findNamedKey(admin, instance, text, { recoverable: 'true' }),
  view: nowIs,
})

function nowIs(key: Key): string {
  return plain`${key.id} is ${stateText(key)} now.\n`
}

const setCommand = command(keyRoutes.setKey, {
  words: 'set <id>',
  summary: 'name a key by which Sensitive keys leave, or let a key leave that a client restricted',
  fields: {
    wrapsSensitive: [
      '--wraps-sensitive <yes|no>',
      'yes: Sensitive keys of its instance leave wrapped by this key, which serves for nothing else from then on; no: they do not any more, and it still serves for nothing else',
    ],
    extractable: [
      '--extractable <yes>',
      'it may leave again, although a client made it not Extractable',
      (_run, text, flag) => oneOfWords(flag, text, ['yes']) === 'yes',
    ],
    sensitive: [
      '--sensitive <no>',
      'it may leave unwrapped again, although a client made it Sensitive',
      (_run, text, flag) => oneOfWords(flag, text, ['no']) !== 'no',
    ],
  },
  examples: ['key set KEY --wraps-sensitive yes', 'key set KEY --extractable yes --sensitive no'],
  find: namedKey,
  view: ({ id }, { input }) => textOf(id, input.body ?? {}),
})

type Body = NonNullable<Input<typeof keyRoutes.setKey>['body']>

function textOf(id: string, { wrapsSensitive, extractable, sensitive }: Body): string {
  const lines = [
    ...(extractable ? [plain`${id} may leave again.`] : []),
    ...(sensitive === false ? [plain`${id} may leave unwrapped again.`] : []),
    ...(wrapsSensitive === undefined
      ? []
      : [plain`${id} is a wrapping key: ${wrappingText(wrapsSensitive)}.`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function wrappingText(wraps: boolean): string {
  return wraps
    ? 'Sensitive keys leave wrapped by it, and it serves for nothing else'
    : 'no Sensitive key leaves by it any more, and it serves for nothing else'
}
