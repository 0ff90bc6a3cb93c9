// The acts on an instance that may need a second person.

import type { Guards } from '../../doors/http/feature.ts'
import { named, ofInstance, serverReach } from '../../doors/http/guard.ts'
import type { Needs } from './needs.ts'
import type { instanceRoutes } from './routes.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Instance } from '../../core/trust/rows.ts'
import type { RouteRequest } from '../../doors/http/route-request.ts'
import { requireMaySet, requireShredName, shownInstance } from './handlers.ts'
import { requireAllInstances } from './work-handlers.ts'

export const guards: Guards<typeof instanceRoutes, Needs> = {
  deleteInstance: {
    acts: ({ query }) =>
      query.shred === undefined ? ['instance delete'] : ['instance delete', 'key destroy'],
    reach: ofInstance,
    facts: async (context, { instance, query }) => {
      const { clock, keys, store, plugs } = context
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
      const use = await plugs.keyUses.useOf(instanceId)
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
  },

  setRootKey: {
    // The service of a root key can open what is wrapped by it.
    acts: () => ['set-root-key', 'key export'],
    reach: serverReach,
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
  },

  setInstance: {
    acts: ({ instance, body }) => (opensExport(instance, body) ? ['key export'] : []),
    reach: ofInstance,
    facts: (_context, { asker, instance, body: { ibmApiKey, ...settings } }) => {
      requireMaySet(asker, settings)
      const shown: Readonly<Record<string, unknown>> = shownInstance(instance, 'none')
      const changes = Object.entries(settings).filter(([, value]) => value !== undefined)
      return Promise.resolve({
        Instance: instance.name,
        ...Object.fromEntries(
          changes.map(([name, value]) => [
            `Setting ${name}`,
            `${String(shown[name])}, then ${String(value)}`,
          ]),
        ),
        ...(ibmApiKey !== undefined && { 'API key': 'another one' }),
      })
    },
    secrets: ['ibmApiKey'],
  },
}

/** Whether the change lets keys leave that may not leave now, or with a weaker protection. */
function opensExport(
  instance: Instance,
  { portable, restrictions, legacyWrap }: RouteRequest<(typeof instanceRoutes)['setInstance']>['body'],
): boolean {
  const loosens = restrictions === 'as-sent' && instance.restrictions === 'one-way'
  return loosens || (portable === true && !instance.portable) || (legacyWrap === true && !instance.legacyWrap)
}
