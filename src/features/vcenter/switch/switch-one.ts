// Does one change-over, takes one back, or finishes one: opens what each works with.

import { isAdopted } from '../../../core/keys/object/adopted-object.ts'
import { keyPages } from '../../../core/keys/key-pages.ts'
import type { ListedKey } from '../../../core/keys/keys.ts'
import type { Instance } from '../../../core/trust/rows.ts'
import type { JobWork } from '../../../doors/http/jobs.ts'
import type { ApiRequester } from '../../../doors/http/route-request.ts'
import { KeyProviders } from '../../../outside/vsphere-api/key-providers.ts'
import type { VsphereCredentials } from '../../../outside/vsphere-api/session.ts'
import { audited } from '../audited.ts'
import { ClientSide } from '../client-side.ts'
import { about, noteClient, setEntry } from '../connect-one.ts'
import type { VcenterService } from '../needs.ts'
import { addressWarnings } from '../plan.ts'
import { inSession } from '../reach.ts'
import { ConnectSteps, type ConnectProgress } from '../steps.ts'
import type { Switched, Vcenter } from '../vcenters.ts'
import { switchBack } from './back-run.ts'
import { switchFinish } from './finish-run.ts'
import { freshInventory } from './fresh-inventory.ts'
import { namesMax, SwitchRun, type SwitchParts, type SwitchPlan, type SwitchRecord } from './switch-run.ts'

type Working = Parameters<JobWork<ConnectProgress, null>>[0]

export interface SwitchWork {
  readonly asker: ApiRequester
  readonly instance: Instance
  readonly vcenter: Vcenter
  /** undefined: the work needs no session. The caller wipes it. */
  readonly login: VsphereCredentials | undefined
}

interface Work extends Omit<SwitchWork, 'login'> {
  readonly steps: ConnectSteps
  readonly signal: AbortSignal
  /** undefined: the work needs none. */
  readonly providers: KeyProviders | undefined
}

/** Rejects with Refusal and VsphereError, as the others do. */
export async function switchOne(
  context: VcenterService,
  work: SwitchWork,
  plan: SwitchPlan,
  working: Working,
): Promise<null> {
  return opened(context, work, working, async (own) => {
    const parts = partsOf(context, own, plan)
    for (const warning of addressWarnings(plan.addresses, parts.ownCertificate.der)) own.steps.warn(warning)
    await new SwitchRun(parts, plan).run()
  })
}

export async function switchOneBack(
  context: VcenterService,
  work: SwitchWork,
  { switched, dryRun }: { readonly switched: Switched; readonly dryRun: boolean },
  working: Working,
): Promise<null> {
  const { provider, before } = switched
  return opened(context, work, working, (own) =>
    switchBack({
      ...partsOf(context, own, { provider, dryRun }),
      dryRun,
      switched,
      keysMade: () => keysMade(context, work.instance.id, switched),
      forget: async () => {
        const entry = entryOf(context, own, { provider, step: 'taken back' })
        await context.vcenters.set(own.vcenter, { switched: null, provider: before }, entry)
      },
    }),
  )
}

export async function finishOne(
  context: VcenterService,
  work: SwitchWork,
  { switched, dryRun }: { readonly switched: Switched; readonly dryRun: boolean },
  working: Working,
): Promise<null> {
  const { provider } = switched
  const { asker, instance, vcenter } = work
  const all = await context.vcenters.of(instance.id)
  return opened(context, work, working, (own) =>
    switchFinish({
      ...readingParts(context, own, dryRun, true),
      dryRun,
      switched,
      others: all.filter((one) => one.id !== vcenter.id && one.switched).map(({ name }) => name),
      hasUpstream: instance.upstream !== undefined,
      removeUpstream: () => context.plugs.removeUpstream(asker, instance),
      forget: async () => {
        const entry = entryOf(context, own, { provider, step: 'finished' })
        await context.vcenters.set(vcenter, { switched: null }, entry)
      },
    }),
  )
}

async function opened(
  { clock }: Pick<VcenterService, 'clock'>,
  { login, ...work }: SwitchWork,
  { onProgress, signal }: Working,
  run: (own: Work) => Promise<void>,
): Promise<null> {
  const own = { ...work, steps: new ConnectSteps(onProgress), signal }
  if (login)
    await inSession(work.vcenter, login, clock, (session) =>
      run({ ...own, providers: new KeyProviders(session) }),
    )
  else await run({ ...own, providers: undefined })
  return null
}

/** The parts that need no session. `others`: the upstream's other keys are adopted, too. */
function readingParts(
  context: VcenterService,
  { asker, instance, vcenter, steps, signal }: Work,
  dryRun: boolean,
  others: boolean,
): Pick<SwitchParts, 'inventory' | 'steps' | 'takeOver' | 'vcenter'> {
  return {
    steps,
    vcenter,
    inventory: (client) =>
      freshInventory(context, instance.id, { known: client === undefined ? [] : [client], signal }),
    takeOver: (keys) =>
      context.plugs.takeOver(asker, instance, {
        keys,
        others,
        dryRun,
        signal,
        onProgress: ({ step, done, total }) =>
          steps.tell(
            `${step === 'adopt' ? 'keys from the upstream' : 'keys opened here'}: ${String(done)}${total === null ? '' : ` of ${String(total)}`}`,
          ),
      }),
  }
}

function partsOf(
  context: VcenterService,
  work: Work,
  { provider, dryRun }: Pick<SwitchPlan, 'provider' | 'dryRun'>,
): SwitchParts {
  const { asker, instance, vcenter, providers, signal } = work
  if (!providers) throw new Error('this work has no session')
  return {
    ...readingParts(context, work, dryRun, false),
    providers,
    clientSide: new ClientSide(context, { by: asker.by, instance, name: vcenter.name }),
    ownCertificate: context.about.certificate(),
    change: (call, detail, change) =>
      audited({ audit: context.audit, ...asker, vcenter }, { call, ...detail }, change),
    record: recordOf(context, work, provider),
    clock: context.clock,
    signal,
  }
}

// ---------------------------------------------------------------- The record

function recordOf(context: VcenterService, work: Work, provider: string): SwitchRecord {
  const { clock, keys, vcenters } = context
  const { asker, instance, vcenter } = work
  const now = async () => (await vcenters.named(instance, vcenter.id)).switched
  return {
    now,
    begin: async (servers) => {
      const [newest] = await keys.list({ instanceId: instance.id, limit: 1, includeDestroyed: true })
      const before = (await vcenters.named(instance, vcenter.id)).provider ?? null
      const sequence = newest?.sequence ?? 0
      const switched = { provider, servers, startedMs: clock.now(), sequence, doneMs: null, before }
      await vcenters.set(vcenter, { switched }, entryOf(context, work, { provider, step: 'begun' }))
    },
    noteClient: (client) => noteClient(context, asker, vcenter, { client, provider }),
    finish: async (proof) => {
      const switched = await now()
      const nowMs = clock.now()
      const fields = {
        provider: { name: provider, proof, connectedMs: nowMs },
        ...(switched && { switched: { ...switched, doneMs: nowMs } }),
      }
      await vcenters.set(vcenter, fields, entryOf(context, work, { provider, step: 'done' }))
    },
  }
}

function entryOf(
  { clock }: Pick<VcenterService, 'clock'>,
  { asker, vcenter }: Pick<Work, 'asker' | 'vcenter'>,
  { provider, step }: { readonly provider: string; readonly step: string },
) {
  const detail = { vcenter: vcenter.name, provider, switch: step }
  return { ...about(asker, vcenter), ...setEntry, atMs: clock.now(), detail }
}

/** By sequence and by time, since a restore numbers again, and a clock may jump. */
async function keysMade(
  { keys, plugs }: Pick<VcenterService, 'keys' | 'plugs'>,
  instanceId: string,
  { sequence, startedMs }: Switched,
): Promise<{ readonly count: number; readonly first: readonly string[] }> {
  const first: ListedKey[] = []
  let count = 0
  for await (const page of keyPages(keys, { instanceId, includeDestroyed: false }))
    for (const key of page) {
      if (isAdopted(key) || (key.sequence <= sequence && key.createdMs < startedMs)) continue
      count++
      if (first.length < namesMax) first.push(key)
    }
  const ids = first.map(({ uniqueIdentifier }) => uniqueIdentifier)
  const uses = await plugs.keyUses.uses(instanceId, ids)
  const shown = ids.map((id, index) => {
    const names = uses?.[index]?.first.map(({ name }) => name) ?? []
    return names.length === 0 ? `${id} (not known who uses it)` : `${id} of ${names.join(', ')}`
  })
  return { count, first: shown }
}
