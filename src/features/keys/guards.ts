// The acts on a key that may need a second person: its destruction, and whatever lets it leave.

import type { Guards } from '../../doors/http/feature.ts'
import { named, ofInstance } from '../../doors/http/guard.ts'
import type { Needs } from './needs.ts'
import type { keyRoutes } from './routes.ts'
import { counted } from '../../base/text/counted.ts'
import { Refusal } from '../../base/refusal.ts'
import { days } from '../../core/conditions/line.ts'
import { isDestroyed } from '../../core/keys/object/lifecycle.ts'
import { firstName } from '../../core/keys/object/object-names.ts'
import { customText, vsphereNames } from '../../core/keys/object/object-names.ts'
import { first } from '../../wire/kmip/attributes.ts'
import { existingKey } from './handlers.ts'

export const guards: Guards<typeof keyRoutes, Needs> = {
  destroyKey: {
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
      const use = (await context.plugs.keyUses.uses(instance.id, [params.key]))?.[0]
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
  },

  setKey: {
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
  },
}

const dayS = 24 * 3600

function seconds(count: number): string {
  if (count === 0) return 'no time'
  return count % dayS === 0 ? days(count / dayS) : counted(count, 'second')
}
