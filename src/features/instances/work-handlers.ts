// Shows what an instance holds, and begins work on all its keys: another root key or custody, or the newest version
// of its root key.

import type { WorkProgress } from '../../core/instances/run.ts'
import { custodyNeeds } from '../../core/custody/custody.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import type { Instance, InstanceWork } from '../../core/trust/rows.ts'
import type { Output } from '../../doors/http/route.ts'
import type { Needs } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { instanceRoutes } from './routes.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { hpcsEnd, moveToKeyProtect } from '../../core/instances/hpcs-end.ts'
import { shownLimits, shownRecoverable } from '../../doors/http/views/instance-usage.ts'
import { withRootKey } from '../../core/instances/root-key-change.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import { answer, custodyOf, shownInstance } from './handlers.ts'

export const instanceWorkHandlers = {
  showInstance: async (context, { asker, instance }) => {
    const { access, clock, store, reports, apiKeys } = context
    const objects = await store.objectCounts(instance.id, clock.now())
    const { cacheSeconds, outageSeconds, work } = instance
    const { progress, keyVersions, countedAs, keepsKeysApart, notRecoverable } = await reports.of(
      instance,
      objects,
    )
    return {
      ...shownInstance(instance, (await apiKeys.sources())(instance)),
      objects: { ...objects },
      recoverable: await shownRecoverable(context, instance),
      limits: await shownLimits(context, instance),
      clients: (await access.clients(instance.id)).length,
      work: work
        ? shownWork(instance, work, progress, await context.leases.elsewhere('instance-work'))
        : null,
      upstream: await context.plugs.upstreamOf(asker, instance),
      keyVersions: keyVersions.map((counted) => ({ ...counted })),
      countedAs,
      notRecoverable: { count: notRecoverable.count, ids: [...notRecoverable.identifiers] },
      rootKeyEnds: hpcsEnd(instance.rootKeyUri, {
        nowMs: clock.now(),
        whose: `the instance ${instance.name}`,
        way: moveToKeyProtect(instance.name),
      }),
      revocation: {
        withinSeconds: cacheSeconds,
        unreachableSeconds: cacheSeconds + outageSeconds,
        ofSingleKeys: keepsKeysApart,
      },
    }
  },

  setRootKey: async (context, { asker, instance, body }) => {
    requireAllInstances(asker)
    const { rootKey, custody = custodyOf(rootKey), ibmApiKey: apiKey } = body
    const destination = { instanceId: instance.id, rootKey, custody, apiKey }
    // withRootKey tries the service, which costs money. So a custody that could not bring back destroyed keys is refused before.
    await context.trust.work.requireMayMove(instance, custody)
    return withRootKey(context, destination, async ({ warnings, ...ready }) => {
      const shown = await begun(context)
      const present = (changed: Instance) => ({ ...shown(changed), warnings: [...warnings] })
      const target = { custody, ...ready }
      const answered = await context.trust.work.setRootKey(asker.by, instance.id, target, present)
      context.instanceWork.nudge(instance.id)
      return answered
    })
  },

  rewrapInstance: async (context, { asker, instance }) => {
    await requireVersions(context, instance)
    const answered = await context.trust.work.rewrap(asker.by, instance.id, await begun(context))
    context.instanceWork.nudge(instance.id)
    return answered
  },
} satisfies SomeHandlers<typeof instanceRoutes, Needs>

/** A change of root key makes files on the server and calls services in its name. */
export function requireAllInstances({ instanceId }: Pick<ApiRequester, 'instanceId'>): void {
  if (instanceId === null) return
  throw new Refusal('forbidden', 'to change the root key of an instance needs a token for all instances')
}

async function requireVersions({ reports }: Needs, instance: Instance): Promise<void> {
  try {
    if (await reports.hasVersions(instance)) return
  } catch (error) {
    // The text of a root key error is meant for the administrator who chose the root key.
    if (error instanceof RootKeyError) throw new Refusal('refused', error.message)
    throw error
  }
  throw new Refusal(
    'refused',
    `the root key ${instance.rootKeyUri} has no versions: there is nothing to rewrap`,
    'A file is not rotated. Take a new one: mortise instance set-root-key NAME --root-key file:NEW.key',
  )
}

/** Shows an instance with the work that a change begins. */
async function begun(
  context: Needs,
): Promise<(instance: Instance) => Output<(typeof instanceRoutes)['rewrapInstance']>> {
  const shown = await answer(context)
  return (instance) => {
    if (!instance.work) throw new Error(`the instance ${instance.id} has no work that was begun`)
    return { ...shown(instance), work: shownWork(instance, instance.work, null, null) }
  }
}

function shownWork(
  { rootKeyUri, custody }: Instance,
  work: InstanceWork,
  progress: WorkProgress | null,
  node: string | null,
) {
  const { id, kind, fromRootKeyUri, fromCustody, startedMs } = work
  // Every instance has a data key, so a total of 0 means that nothing was counted yet.
  const far = progress && progress.total > 0 ? progress : null
  return {
    id,
    kind,
    from: {
      rootKey: fromRootKeyUri,
      custody: fromCustody,
      leavesStandardKeys:
        custodyNeeds[fromCustody].standardKeys && (fromRootKeyUri !== rootKeyUri || fromCustody !== custody),
    },
    started: isoTime(startedMs),
    done: far?.done ?? null,
    total: far?.total ?? null,
    trouble: progress?.trouble ?? null,
    node: progress ? null : node,
  }
}
