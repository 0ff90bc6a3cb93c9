// The routes of the admin API that may need a second person: which of the configured acts each is, which instance somebody must
// reach to decide about it, and the facts that both people decide on. An act is carried out by the same handler that answers
// where nobody guards it.

import { counted } from '../../base/text/counted.ts'
import { first } from '../../wire/kmip/attributes.ts'
import { isDestroyed } from '../../core/keys/object/lifecycle.ts'
import type { GuardedAct } from '../../core/ports/guarded-acts.ts'
import { shownRecipients } from '../../core/sealing/for-recipients.ts'
import { NoRecipient } from '../../core/sealing/sealed-file.ts'
import type { Approval } from '../../core/trust/approval.ts'
import type { Instance } from '../../core/trust/rows.ts'
import { expiryWithin } from '../../core/trust/token-changes.ts'
import type { RouteName } from '../../doors/http/api.ts'
import { visibleInstance } from '../../doors/http/authenticate.ts'
import type { AdminContext, Asked, Handler } from '../../doors/http/context.ts'
import { Refusal } from '../../base/refusal.ts'
import { days } from '../../core/conditions/line.ts'
import { auditHandlers, requirePrunable } from '../audit/handlers.ts'
import { backupHandlers } from '../backup/handlers.ts'
import { instanceWorkHandlers, requireAllInstances } from '../instances/work-handlers.ts'
import { instanceHandlers, requireMaySet, requireShredName, shownInstance } from '../instances/handlers.ts'
import { keyExportHandlers, requirePortable } from '../key-export/handlers.ts'
import { existingKey, keyHandlers } from '../keys/handlers.ts'
import { restoreHandlers } from '../restore/handlers.ts'
import { expiresMsOf, tokenHandlers, tokenName } from '../tokens/handlers.ts'
import { firstName } from '../../core/keys/object/object-names.ts'
import { isoTimeOrNull } from '../../doors/http/views/shown.ts'
import { customText, vsphereNames } from '../../doors/http/views/shown-key.ts'

const dayS = 24 * 3600

type Facts = Approval['facts']

export interface Guarded<N extends RouteName> {
  /** The acts of which one must be guarded for this request to wait; empty: it never waits. */
  readonly acts: (asked: Asked<N>) => readonly GuardedAct[]
  /** The instance that whoever decides must reach; null: all instances. */
  readonly reach: (context: AdminContext, asked: Asked<N>) => Promise<string | null>
  /**
   * The facts that both people decide on, by their names. Throws Refusal if the act could not be carried out now. Asked again before the act:
   * nothing in it may change by itself.
   */
  readonly facts: (context: AdminContext, asked: Asked<N>) => Promise<Facts>
  /** Its commit fails if the instance holds another number of objects than when the facts were read. */
  readonly countsObjects?: true
  /** Fields of the body that no row may show. */
  readonly secrets?: readonly string[]
  /** The act takes longer than one commit: it is approved first, and carried out in the background. */
  readonly isLong?: true
  /** The answer is a download: the act is approved first, and carried out when its asker sends the same request again. */
  readonly isRepeated?: true
  readonly handler: Handler<N>
}

const ofServer = () => Promise.resolve(null)
const ofInstance = (_context: AdminContext, { instance }: { readonly instance: Instance }) =>
  Promise.resolve(instance.id)

const destroyKey: Guarded<'destroyKey'> = {
  acts: () => ['key destroy'],
  reach: ofInstance,
  facts: async (context, { instance, params, query }) => {
    const view = await context.keys.show(instance.id, params.key)
    if (!view || isDestroyed(view.state))
      throw new Refusal('not-found', `there is no key ${params.key} in this instance that is not destroyed`)
    const { attributes, state, uniqueIdentifier } = view
    if (state === 'Active')
      throw new Refusal(
        'refused',
        'cannot destroy this key: it is Active',
        'Revoke it first: mortise key revoke',
      )
    const use = (await context.inventories.uses(instance.id, [params.key]))?.[0]
    return {
      Key: uniqueIdentifier,
      ...named('Name', firstName({ attributes })),
      ...named('vSphere', customText(attributes, vsphereNames.name)),
      State: state,
      Instance: instance.name,
      ...(use && { 'Machines that use it': String(use.machines) }),
      ...(query.inUse !== undefined && { 'Machines that whoever asked expected': String(query.inUse) }),
      'Can be brought back for': seconds(instance.destroyDelaySeconds ?? 0),
    }
  },
  handler: keyHandlers.destroyKey,
}

const deleteInstance: Guarded<'deleteInstance'> = {
  acts: ({ query }) => (query.shred === undefined ? ['instance delete'] : ['instance delete', 'key destroy']),
  reach: ofInstance,
  facts: async (context, { instance, query }) => {
    const { clock, keys, store, inventories } = context
    if (query.shred !== undefined) requireShredName(instance, query.shred)
    const { id: instanceId, name, rootKeyUri, custody } = instance
    const counts = Object.entries(await store.objectCounts(instanceId, clock.now()))
    const live = counts.filter(([state]) => !state.startsWith('Destroyed'))
    const objects = live.reduce((sum, [, count]) => sum + count, 0)
    if (query.shred === undefined && objects > 0)
      throw new Refusal(
        'conflict',
        `the instance ${name} has objects that are not destroyed (${live.map(([state, count]) => `${String(count)} ${state}`).join(', ')})`,
        'Destroy them first, or shred the instance: mortise instance delete NAME --shred NAME. What they encrypt is lost then.',
      )
    // The act must not destroy a key that was made after its approval.
    const [newest] = await keys.list({ instanceId, limit: 1, includeDestroyed: true })
    const use = (await inventories.summary(instanceId))?.use
    return {
      Instance: name,
      'Root key': rootKeyUri,
      Custody: custody,
      'Keys and other objects that are destroyed':
        query.shred === undefined ? 'none' : `all ${String(objects)}`,
      ...named('Newest object', newest?.uniqueIdentifier),
      ...(use && { 'Machines that use its keys': String(use.machines) }),
    }
  },
  countsObjects: true,
  handler: instanceHandlers.deleteInstance,
}

const setRootKey: Guarded<'setRootKey'> = {
  // The service of a root key can open what is wrapped by it.
  acts: () => ['set-root-key', 'key export'],
  reach: ofServer,
  facts: (_context, { asker, instance, body }) => {
    requireAllInstances(asker)
    return Promise.resolve({
      Instance: instance.name,
      'Root key': instance.rootKeyUri,
      Custody: instance.custody,
      'New root key': body.rootKey,
      'New custody': body.custody ?? 'database',
      'API key': body.ibmApiKey === undefined ? 'as it is' : 'another one',
    })
  },
  secrets: ['ibmApiKey'],
  handler: instanceWorkHandlers.setRootKey,
}

const createToken: Guarded<'createToken'> = {
  acts: ({ body }) => (body.role === 'manager' ? ['token create manager'] : []),
  reach: async (context, { asker, body }) => {
    const named = body.instance ?? asker.instanceId
    return named === null ? null : (await visibleInstance(context, asker, named)).id
  },
  facts: async (context, { asker, body }) => {
    const { role, owner, expiresDays } = body
    expiryWithin(asker.token, expiresMsOf(context, body))
    const instance = body.instance ?? asker.instanceId
    return {
      Token: tokenName(body),
      Role: role,
      Owner: owner ?? 'nobody: a program',
      For:
        instance === null
          ? 'all instances and the server'
          : `the instance ${(await visibleInstance(context, asker, instance)).name}`,
      Expires:
        expiresDays === undefined
          ? (isoTimeOrNull(expiryWithin(asker.token, null)) ?? 'never')
          : `${days(expiresDays)} after its creation`,
    }
  },
  handler: tokenHandlers.createToken,
}

const pruneAudit: Guarded<'pruneAudit'> = {
  acts: () => ['audit prune'],
  reach: ofServer,
  facts: async (context, { body }) => {
    await requirePrunable(context, body)
    return { 'Entries before': body.before }
  },
  isLong: true,
  handler: auditHandlers.pruneAudit,
}

const createBackup: Guarded<'createBackup'> = {
  acts: ({ body }) => (body.recipients.length > 0 ? ['backup create', 'key export'] : ['backup create']),
  reach: ofServer,
  facts: async (_context, { body }) => {
    const shown = await recipientsShown(body.recipients)
    return { 'Who can open it without the root keys': shown.join(', ') || 'nobody' }
  },
  isLong: true,
  handler: backupHandlers.createBackup,
}

const exportKeys: Guarded<'exportKeys'> = {
  acts: () => ['key export'],
  reach: ofInstance,
  facts: async (context, { instance, body }) => {
    requirePortable(instance)
    context.keyExports.requireFree(instance)
    return {
      Instance: instance.name,
      'What leaves': 'every key of it that may leave',
      'Who can open it': (await recipientsShown(body.recipients)).join(', '),
    }
  },
  isRepeated: true,
  handler: keyExportHandlers.exportKeys,
}

const setInstance: Guarded<'setInstance'> = {
  acts: ({ instance, body }) => (opensExport(instance, body) ? ['key export'] : []),
  reach: ofInstance,
  facts: (_context, { asker, instance, body: { ibmApiKey, ...settings } }) => {
    requireMaySet(asker, settings)
    const shown: Readonly<Record<string, unknown>> = shownInstance(instance, 'none')
    const changes = Object.entries(settings).filter(([, value]) => value !== undefined)
    return Promise.resolve({
      Instance: instance.name,
      ...Object.fromEntries(
        changes.map(([name, value]) => [`Setting ${name}`, `${String(shown[name])}, then ${String(value)}`]),
      ),
      ...(ibmApiKey !== undefined && { 'API key': 'another one' }),
    })
  },
  secrets: ['ibmApiKey'],
  handler: instanceHandlers.setInstance,
}

/** Whether the change lets keys leave that may not leave now. */
function opensExport(instance: Instance, { portable, restrictions }: Asked<'setInstance'>['body']): boolean {
  const loosens = restrictions === 'as-sent' && instance.restrictions === 'one-way'
  return loosens || (portable === true && !instance.portable)
}

const setKey: Guarded<'setKey'> = {
  // A wrapping key that wraps no more lets nothing out.
  acts: ({ body: { wrapsSensitive, extractable, sensitive } }) =>
    wrapsSensitive === true || extractable !== undefined || sensitive !== undefined ? ['key export'] : [],
  reach: ofInstance,
  facts: async (context, { instance, params, body }) => {
    const { attributes, uniqueIdentifier, objectType } = await existingKey(context, instance.id, params.key)
    const { wrapsSensitive, extractable, sensitive } = body
    const yesNo = (attribute: 'Sensitive' | 'Extractable') => (first(attributes, attribute) ? 'yes' : 'no')
    return {
      Key: uniqueIdentifier,
      ...named('Name', firstName({ attributes })),
      ...named('vSphere', customText(attributes, vsphereNames.name)),
      Type: objectType,
      Instance: instance.name,
      ...(extractable !== undefined && { Extractable: `${yesNo('Extractable')}, then yes` }),
      ...(sensitive !== undefined && { Sensitive: `${yesNo('Sensitive')}, then no` }),
      ...(wrapsSensitive !== undefined && {
        'Sensitive keys leave wrapped by it': wrapsSensitive ? 'yes' : 'no',
        'Who opens what it wraps':
          objectType === 'PublicKey'
            ? 'the holder of its private key'
            : 'no client, unless one brought this key or had it earlier',
      }),
    }
  },
  handler: keyHandlers.setKey,
}

const beginRestore: Guarded<'beginRestore'> = {
  // With an earlier root key named, the keys move from there to the other one.
  acts: ({ body }) => ((body.oldRootKeys ?? []).length > 0 ? ['set-root-key', 'key export'] : []),
  reach: ofServer,
  facts: (_context, { body }) =>
    Promise.resolve({
      Instance: body.instance ?? 'the only one beside these root keys',
      ...named('Name', body.name),
      'Root key': body.rootKey,
      'Root keys that its keys leave': (body.oldRootKeys ?? []).join(', '),
      'API key': body.ibmApiKey === undefined ? "the server's" : 'one that comes with the request',
    }),
  secrets: ['ibmApiKey'],
  isLong: true,
  handler: restoreHandlers.beginRestore,
}

export const guarded = {
  destroyKey,
  deleteInstance,
  setRootKey,
  createToken,
  pruneAudit,
  createBackup,
  exportKeys,
  setInstance,
  setKey,
  beginRestore,
} as const satisfies { readonly [N in RouteName]?: Guarded<N> }

/** The line of a route, whose own types the table keeps. */
export function guardedRoute(name: string): Guarded<RouteName> | undefined {
  return Object.hasOwn(guarded, name) ? guarded[name as keyof typeof guarded] : undefined
}

async function recipientsShown(recipients: readonly string[]): Promise<readonly string[]> {
  return shownRecipients(recipients).catch((error: unknown) => {
    throw error instanceof NoRecipient ? new Refusal('bad-request', error.message) : error
  })
}

function named(name: string, value: string | null | undefined): Facts {
  return value === undefined || value === null ? {} : { [name]: value }
}

function seconds(count: number): string {
  if (count === 0) return 'no time'
  return count % dayS === 0 ? days(count / dayS) : counted(count, 'second')
}
