// `mortise instance ...`: sets of keys, each with its clients and its root key.

import { objectRuleRoutes } from '../object-rule-routes.ts'
import { command } from '../../../doors/cli/route-command.ts'
import type { FieldLine } from '../../../doors/cli/fields.ts'
import { counted } from '../../../base/text/counted.ts'
import type { Output } from '../../../doors/http/route.ts'
import type { AdminClient } from '../../../doors/http/client.ts'
import { destroyDelaySecondsMax } from '../bounds.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import { duration, noun, verb, type Run, type MakeCommand } from '../../../doors/cli/command.ts'
import { confirmTyped } from '../../../doors/cli/text/confirm.ts'
import { countsText } from '../../../doors/cli/text/amounts.ts'
import { instanceDetails, instanceFacts } from './instance-text.ts'
import { confirmOneWay, restrictionsCommand } from './instance-restrictions.ts'
import { apiKeyField, rewrapCommand, setRootKeyCommand, warn } from './instance-work.ts'
import type { Columns } from '../../../doors/cli/text/list.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { facts, plain, attributeRows, table } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import type { CommandPlugs } from '../../../doors/cli/plugs.ts'
import { inUseFlag, sentence, usedByText, type ShownUsedBy } from '../../../doors/cli/used-by.ts'
import { CommandError, UsageError } from '../../../doors/cli/world.ts'
import { instanceRoutes } from '../routes.ts'

export function instanceCommands({
  upstream,
  machinesOf,
}: Pick<CommandPlugs, 'upstream' | 'machinesOf'>): MakeCommand {
  return noun('instance', 'sets of keys, each with its clients and its root key', () => [
    createCommand,
    listCommand,
    showCommand(upstream),
    setCommand(upstream),
    setRootKeyCommand,
    rewrapCommand,
    rulesCommand('defaults'),
    rulesCommand('constraints'),
    restrictionsCommand,
    deleteCommand(machinesOf),
  ])
}

const settingFields = {
  cacheSeconds: [
    '--cache-seconds <n>',
    'how long keys may be served after the root key last answered (default: 300)',
  ],
  outageSeconds: [
    '--outage-seconds <n>',
    'how much longer while the root key cannot be reached; 0: not at all (default: 3600)',
  ],
  expiredGraceDays: [
    '--expired-grace-days <n>',
    'serve pinned certificates for n days after they expired (default: 30)',
  ],
  portable: ['--portable <yes|no>', 'whether its keys may ever be exported (default: no)'],
  objectsMax: [
    '--objects-max <n>',
    'how many objects it may hold, not counting destroyed ones that are gone for good (default: 2000000)',
  ],
  bytesMax: [
    '--bytes-max <size>',
    'how much space its objects may take in the database, records of destroyed ones included (default: 4GiB)',
  ],
  destroyDelaySeconds: [
    '--destroy-delay <time>',
    'how long a destroyed key can be brought back, such as 7d; custody database only (default: 0, not at all)',
    delaySeconds,
  ],
  names: ['--names <unique|shared>', 'whether several of its keys may share a Name (default: unique)'],
  lengths: [
    '--lengths <strict|as-sent>',
    'whether a registered key must be as long as it states (default: strict); as-sent is for clients such as Rook',
  ],
  legacyWrap: [
    '--legacy-wrap <yes|no>',
    "whether keys leave wrapped by RSA PKCS #1 v1.5 (default: no); yes is for clients without OAEP, such as zkey's default profile",
  ],
  restrictions: [
    '--restrictions <one-way|as-sent>',
    'whether clients may undo Sensitive and Extractable false, and take Sensitive keys wrapped by any key (default of new instances: one-way); one-way forbids both, and mortise key set names the keys that wrap',
  ],
} as const satisfies Readonly<Record<string, FieldLine>>

function delaySeconds(_run: Run, text: string, flag: string): number {
  const seconds = duration(flag, text)
  const daysMax = destroyDelaySecondsMax / (24 * 3600)
  if (seconds > destroyDelaySecondsMax) throw new UsageError(`${flag} takes at most ${daysMax}d, not ${text}`)
  return seconds
}

const createCommand = command(instanceRoutes.createInstance, {
  words: 'create <name>',
  summary: 'create an instance, separate from all others',
  fields: {
    rootKey: [
      '--root-key <uri>',
      "the key that seals its keys (default: the server's root key); a file (file:NAME.key) is created",
    ],
    custody: 'where to store its sealed keys (default: database)',
    ibmApiKey: apiKeyField,
    ...settingFields,
  },
  examples: [
    'instance create production',
    'instance create production --root-key file:production.key --cache-seconds 60',
    'instance create tenant --root-key vault:transit/mortise',
    'instance create tenant --root-key keyprotect://HOST/INSTANCE/KEY --custody keyprotect --ibm-api-key-file tenant.key',
  ],
  view: (instance) => instanceFacts(instance),
  tell: ({ name, warnings }, { run }) => {
    warn(run.world, warnings)
    return plain`\nNext: trust a client in it: ${run.next(`client trust --instance ${shellWord(name)}`)} ...\n`
  },
})

const listCommand = command(instanceRoutes.listInstances, {
  words: 'list',
  summary: 'all instances',
  examples: ['instance list', 'instance list --json'],
  columns: () => instanceColumns,
})

const instanceColumns: Columns<Output<typeof instanceRoutes.listInstances>[number]> = {
  headings: ['NAME', 'ID', 'CUSTODY', 'ROOT KEY', 'CREATED'],
  rows: ({ name, id, custody, rootKey, created }) => [[name, id, custody, rootKey, shortTime(created)]],
  empty: 'No instances.\n',
}

const showCommand = ({ rows }: CommandPlugs['upstream']) =>
  command(instanceRoutes.showInstance, {
    words: 'show <name>',
    summary:
      'one instance: settings, objects, versions of its root key, how soon a revocation takes effect, work on it',
    examples: ['instance show default'],
    view: (instance) => instanceDetails(instance, rows),
  })

const setCommand = ({ flags, examples, set }: CommandPlugs['upstream']) =>
  command(instanceRoutes.setInstance, {
    words: 'set <name>',
    summary: 'rename an instance, or change its settings; takes effect on the next message',
    fields: {
      name: ['--name <name>', 'its new name'],
      ibmApiKey: apiKeyField,
      ...settingFields,
      ...Object.fromEntries(flags.map((flag) => [flag[0], flag])),
      yes: ['--yes', 'set one-way without being asked, although clients would be refused something'],
    },
    examples: [
      'instance set default --name production',
      'instance set production --cache-seconds 60 --outage-seconds 0',
      'instance set tenant --objects-max 50000 --bytes-max 500MiB',
      'instance set tenant --ibm-api-key-file new.key',
      ...examples,
    ],
    instead: set,
    confirm: async ({ run, admin, options, input }) => {
      if (options['restrictions'] === 'one-way')
        await confirmOneWay(run.world, admin, input.instance, { yes: options['yes'] === true })
    },
    view: (instance) => instanceFacts(instance),
  })

const deleteCommand = (machinesOf: CommandPlugs['machinesOf']) =>
  command(instanceRoutes.deleteInstance, {
    words: 'delete <name>',
    summary: 'delete an instance with its clients and tokens; its audit stays',
    fields: {
      shred: [
        '--shred <name>',
        'its name again: destroy all its keys, with its data keys and standard keys; prints a receipt',
      ],
      inUse: inUseFlag,
    },
    examples: ['instance delete staging', 'instance delete staging --shred staging --json'],
    confirm: async ({ run, admin, input: { instance, query } }) => {
      if (query?.shred === undefined || query.inUse !== undefined) return undefined
      return {
        query: {
          inUse: await confirmUse(run, admin, {
            id: instance,
            shred: query.shred,
            usedBy: await machinesOf(admin, instance),
          }),
        },
      }
    },
    view: deletedText,
  })

/** If machines use keys of the instance: says so, and asks for its name again. The number of these machines. */
async function confirmUse(
  { world }: Run,
  admin: AdminClient,
  {
    id: instance,
    shred,
    usedBy,
  }: { readonly id: string; readonly shred: string; readonly usedBy: ShownUsedBy | null },
): Promise<number | undefined> {
  if (usedBy === null || usedBy.machines === 0) return undefined
  const { name } = await admin.call(instanceRoutes.showInstance, { instance })
  // A wrong name is refused by the server anyway.
  if (shred !== name) return undefined
  const use = sentence(usedByText(usedBy, world.now()))
  world.stderr.write(plain`${use}. What these machines store can never be read again once it is shredded.\n`)
  if (world.stdin.isTTY !== true)
    throw new UsageError(
      `machines use this instance, and without a terminal you cannot confirm it: add --in-use ${usedBy.machines}`,
    )
  if (await confirmTyped(world, 'Type the name of the instance to shred it: ', [name])) return usedBy.machines
  throw new CommandError('nothing was shredded: that is not its name')
}

type Receipt = NonNullable<Output<typeof instanceRoutes.deleteInstance>['receipt']>

function deletedText({ id, name, receipt }: Output<typeof instanceRoutes.deleteInstance>): string {
  if (!receipt) return plain`The instance ${name} is deleted. Its audit entries stay.\n`
  const { dataKeys, standardKeys, standardKeysLeft, objects } = receipt
  const { count: left, rootKeys } = standardKeysLeft
  const title = left === 0 ? 'is shredded.' : 'is gone, and not all of it is shredded yet.'
  const deleted = `${standardKeys - left} of ${standardKeys}`
  const rows = facts([
    ['Instance', id],
    ['At', receipt.at],
    ['Data keys destroyed', String(dataKeys.length)],
    ...dataKeys.map(({ id: key, rootKey }) => ['Data key', `${key}, sealed by ${rootKey}`] as const),
    ...(standardKeys > 0 ? [['Standard keys deleted', deleted] as const] : []),
    ...rootKeys.map((uri) => ['Standard keys left', `beside ${uri}`] as const),
    [left === 0 ? 'Objects that no longer open' : 'Objects given up', countsText(objects)],
    ['In the audit log', receipt.auditEntry],
  ])
  const copies = 'Copies of the database made before still open with the root key: destroy those too.'
  const remarks = [copies, ...atItsService(id, receipt)].map((remark) => plain`${remark}\n`).join('')
  return `${plain`The instance ${name} ${title}`}\n${rows}${remarks}`
}

/** Tells what the service of the root key still holds, and what can be restored there. */
function atItsService(
  id: string,
  { standardKeys, standardKeysLeft: { count, cause } }: Receipt,
): readonly string[] {
  if (standardKeys === 0) return []
  const restorable =
    'For 30 days after their deletion a Manager there can restore the standard keys, and so the keys: purging them ends that sooner.'
  const marker = `A marker (mortise-marker-${id}) stays there, which says that the instance was deleted. The server deletes it when its service has purged the keys.`
  if (count === 0) return [restorable, marker]
  const are = counted(count, 'standard key is', 'standard keys are')
  return [
    `${are} still at the service: ${cause ?? 'so few seconds did not suffice'}`,
    'Until they are deleted there, every user of the root key can open what they hold, and a restore from there would bring the keys back.',
    'The server goes on deleting them by itself; mortise status tells as long as some are left.',
    restorable,
    marker,
  ]
}

type Rule = Output<typeof objectRuleRoutes.listDefaults>[number]

const kinds = {
  defaults: {
    summary: 'what new objects get where a request is silent, as clients said by Set Defaults',
    empty: 'No defaults: new objects get what their requests say.\n',
    cleared: 'These defaults are removed: new objects no longer get them.\n',
    list: objectRuleRoutes.listDefaults,
    clear: objectRuleRoutes.clearDefaults,
  },
  constraints: {
    summary: 'what objects that clients make or bring must have, as clients said by Set Constraints',
    empty: 'No constraints: clients make and bring any objects.\n',
    cleared: 'These constraints are removed: nothing is refused because of them any more.\n',
    list: objectRuleRoutes.listConstraints,
    clear: objectRuleRoutes.clearConstraints,
  },
} as const

function rulesCommand(kind: keyof typeof kinds): MakeCommand {
  const { summary, empty, cleared, list, clear } = kinds[kind]
  return verb<{ readonly clear?: boolean }>({
    words: `${kind} <name>`,
    summary,
    flags: [['--clear', `remove all ${kind} of the instance, and show them a last time`]],
    examples: [`instance ${kind} default`, `instance ${kind} default --clear`],
    action: async ({ client, show, tell }, options, name = '') => {
      const admin = await client()
      const instance = await instanceOf(admin, name)
      if (options.clear !== true) {
        const rules = await admin.call(list, { instance })
        return show(rules, () => (rules.length === 0 ? empty : rulesTable(rules)))
      }
      const { removed } = await admin.call(clear, { instance })
      show({ removed }, () => (removed.length === 0 ? empty : rulesTable(removed)))
      if (removed.length > 0) tell(`\n${cleared}`)
    },
  })
}

/** A line for each attribute of a rule; the types and groups stand in its first. */
function rulesTable(rules: readonly Rule[]): string {
  const rows = rules.flatMap(({ objectTypes, objectGroups, attributes }) =>
    (attributes.length === 0 ? [['', '']] : attributeRows(attributes)).map((cells, line) => [
      ...(line === 0 ? [objectTypes.join(', ') || 'all', objectGroups.join(', ') || 'any'] : [' ', ' ']),
      ...cells,
    ]),
  )
  return table(['TYPES', 'GROUPS', 'ATTRIBUTE', 'VALUE'], rows)
}
