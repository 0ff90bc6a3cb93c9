// The handlers of the routes about change-overs. switch-one.ts has the work; the first one loads it.

import { Refusal } from '../../../base/refusal.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { Instance } from '../../../core/trust/rows.ts'
import type { Handlers } from '../../../doors/http/feature.ts'
import type { JobWork } from '../../../doors/http/jobs.ts'
import { requireAllInstances } from '../handlers.ts'
import { connecting } from '../jobs.ts'
import { shownConnect } from '../shown-vcenter.ts'
import type { VcenterService } from '../needs.ts'
import { ownAddress, ownAddresses } from '../plan.ts'
import type { ConnectProgress } from '../steps.ts'
import type { switchRoutes } from '../switch-routes.ts'
import type { Switched, Vcenter } from '../vcenters.ts'
import type { SwitchWork } from './switch-one.ts'
import type { SwitchPlan } from './switch-run.ts'

export const switchHandlers = {
  switchVcenter: async (context, { asker, instance, params, body }) => {
    const { vcenter, plan } = await switchPlanOf(context, instance, params.vcenter, body)
    requireAllInstances(asker)
    requireUpstream(instance, body.withoutUpstream)
    const work = { asker, instance, vcenter, login: loginIn(body) }
    return begun(context, work, plan, async (working) => {
      const { switchOne } = await import('./switch-one.ts')
      return switchOne(context, work, plan, working)
    })
  },

  switchBack: async (context, { asker, instance, params, body }) => {
    const { vcenter, switched } = await switchedOf(context, instance, params.vcenter)
    requireAllInstances(asker)
    const plan = { provider: switched.provider, dryRun: body.dryRun, switched }
    const work = { asker, instance, vcenter, login: loginIn(body) }
    return begun(context, work, plan, async (working) => {
      const { switchOneBack } = await import('./switch-one.ts')
      return switchOneBack(context, work, plan, working)
    })
  },

  switchFinish: async (context, { asker, instance, params, body }) => {
    const { vcenter, switched } = await switchedOf(context, instance, params.vcenter)
    requireAllInstances(asker)
    const plan = { provider: switched.provider, dryRun: body.dryRun, switched }
    const work = { asker, instance, vcenter, login: undefined }
    return begun(context, work, plan, async (working) => {
      const { finishOne } = await import('./switch-one.ts')
      return finishOne(context, work, plan, working)
    })
  },
} satisfies Handlers<typeof switchRoutes, VcenterService>

function loginIn({ user, password }: { readonly user: string; readonly password: string }) {
  return { user, password: Buffer.from(password) }
}

/** Begins the work as a job, which wipes the login in the end. */
function begun(
  context: Pick<VcenterService, 'connects' | 'leases'>,
  {
    vcenter,
    login,
  }: Pick<SwitchWork, 'vcenter'> & { readonly login: { readonly password: Buffer } | undefined },
  { provider, dryRun }: Pick<SwitchPlan, 'provider' | 'dryRun'>,
  run: JobWork<ConnectProgress, null>,
) {
  const shown = { vcenter: vcenter.name, provider, dryRun, progress: { steps: [], warnings: [] } }
  return shownConnect(
    context.connects.begin(vcenter.id, shown, async (working) => {
      try {
        return await connecting(context, () => run(working))
      } finally {
        login?.password.fill(0)
      }
    }),
  )
}

/** The plan, with everything that the request left out. Throws Refusal. */
export async function switchPlanOf(
  context: Pick<VcenterService, 'about' | 'leases' | 'vcenters'>,
  instance: Pick<Instance, 'id' | 'name'>,
  word: string,
  {
    from,
    to,
    dryRun,
  }: { readonly from: string; readonly to?: readonly string[] | undefined; readonly dryRun: boolean },
): Promise<{ readonly vcenter: Vcenter; readonly plan: SwitchPlan }> {
  const vcenter = await context.vcenters.named(instance, word)
  const addresses = (to ?? (await ownAddresses(context))).map(ownAddress)
  return { vcenter, plan: { provider: from, addresses, dryRun } }
}

/** Throws Refusal if no change-over of this vCenter is open. */
export async function switchedOf(
  { vcenters }: Pick<VcenterService, 'vcenters'>,
  instance: Pick<Instance, 'id' | 'name'>,
  word: string,
): Promise<{ readonly vcenter: Vcenter; readonly switched: Switched }> {
  const vcenter = await vcenters.named(instance, word)
  const { switched, name } = vcenter
  if (switched) return { vcenter, switched }
  throw new Refusal(
    'not-found',
    `no change-over of ${name} is open`,
    `Begin one: mortise vcenter switch ${shellWord(name)} --from PROVIDER`,
  )
}

/** The upstream gives what the old server makes until vCenter asks this one. */
function requireUpstream({ name, upstream }: Instance, withoutUpstream: boolean): void {
  if (upstream || withoutUpstream) return
  throw new Refusal(
    'refused',
    `the instance ${name} has no upstream, so a key that the old server makes last would be missing here`,
    `Name the old server: mortise instance set ${shellWord(name)} --upstream kmip://HOST --upstream-cert PEM --upstream-key PEM --upstream-ca PEM. If it is gone and its keys are here: --without-upstream`,
  )
}
