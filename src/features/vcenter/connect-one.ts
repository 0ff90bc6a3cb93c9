// Opens what one connect works with: the session at vCenter, the client here, the audit log.

import type { JobWork } from '../../doors/http/jobs.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { KeyProviders } from '../../outside/vsphere-api/key-providers.ts'
import type { VsphereCredentials } from '../../outside/vsphere-api/session.ts'
import { audited } from './audited.ts'
import { ClientSide } from './client-side.ts'
import { ConnectRun, type ConnectPlan, type ConnectParts, type ProofKeys } from './connect.ts'
import type { VcenterService } from './needs.ts'
import { addressWarnings } from './plan.ts'
import { inSession } from './reach.ts'
import { ConnectSteps, type ConnectProgress } from './steps.ts'
import type { Vcenter } from './vcenters.ts'

interface ConnectRequest {
  readonly asker: ApiRequester
  readonly instance: { readonly id: string; readonly name: string }
  readonly vcenter: Vcenter
  readonly login: VsphereCredentials
  readonly plan: ConnectPlan
}

/** Rejects with Refusal and VsphereError. */
export async function connectOne(
  context: VcenterService,
  { asker, instance, vcenter, login, plan }: ConnectRequest,
  { onProgress, signal }: Parameters<JobWork<ConnectProgress, null>>[0],
): Promise<null> {
  const { clock } = context
  const steps = new ConnectSteps(onProgress)
  const ownCertificate = context.about.certificate()
  for (const warning of addressWarnings(plan.addresses, ownCertificate.der)) steps.warn(warning)
  return inSession(vcenter, login, clock, async (session) => {
    const providers = new KeyProviders(session)
    const clientSide = new ClientSide(context, { by: asker.by, instance, name: vcenter.name })
    const parts: ConnectParts = {
      providers,
      clientSide,
      ownCertificate,
      proof: proofKeys(context, { asker, instance, vcenter, plan }),
      steps,
      change: (call, detail, work) =>
        audited({ audit: context.audit, ...asker, vcenter }, { call, ...detail }, work),
      clock,
      signal,
    }
    await new ConnectRun(parts, plan).run()
    if (!plan.dryRun)
      await noteClient(context, asker, vcenter, {
        client: await clientSide.clientOf(await providers.clientCertificate(plan.provider)),
        provider: plan.provider,
      })
    return null
  })
}

/** Notes the client here whose certificate a provider uses: it belongs to this vCenter. undefined: there is none. */
export async function noteClient(
  { clock, vcenters }: Pick<VcenterService, 'clock' | 'vcenters'>,
  asker: Pick<ApiRequester, 'actor' | 'requestId'>,
  vcenter: Vcenter,
  { client, provider }: { readonly client: string | undefined; readonly provider: string },
): Promise<void> {
  const [now] = (await vcenters.of(vcenter.instanceId)).filter(({ id }) => id === vcenter.id)
  const clients = now?.clients ?? []
  if (client === undefined || clients.includes(client)) return
  const detail = { vcenter: vcenter.name, provider, client }
  const entry = { ...about(asker, vcenter), ...setEntry, atMs: clock.now(), detail }
  await vcenters.set(vcenter, { clients: [...clients.slice(1 - clientsMax), client] }, entry)
}

/** The clients of a vCenter that are remembered, newest last. */
const clientsMax = 64

export const setEntry = { action: 'vcenter.set', result: 'success', reason: null } as const

/** The list of vCenters remembers the key, and the instance knows whether it has it. */
function proofKeys(
  context: VcenterService,
  { asker, instance, vcenter, plan: { provider } }: Omit<ConnectRequest, 'login'>,
): ProofKeys {
  const { clock, keys, vcenters } = context
  const keep = async (proof: string, connectedMs: number | null) => {
    const detail = { vcenter: vcenter.name, provider, key: proof }
    const entry = { ...about(asker, vcenter), ...setEntry, atMs: clock.now(), detail }
    await vcenters.set(vcenter, { provider: { name: provider, proof, connectedMs } }, entry)
  }
  return {
    remembered: async () => {
      const [now] = (await vcenters.of(instance.id)).filter(({ id }) => id === vcenter.id)
      if (now?.provider?.name !== provider) return undefined
      const key = await keys.show(instance.id, now.provider.proof)
      return key?.state === 'PreActive' || key?.state === 'Active' ? now.provider.proof : undefined
    },
    remember: (key) => keep(key, null),
    isHere: async (key) => (await keys.show(instance.id, key)) !== undefined,
    finish: async (key) => {
      const { provider: kept } = await vcenters.named(instance, vcenter.id)
      if (kept?.connectedMs === null) await keep(key, clock.now())
    },
  }
}

export function about(
  { actor, requestId }: Pick<ApiRequester, 'actor' | 'requestId'>,
  { id, instanceId }: Pick<Vcenter, 'id' | 'instanceId'>,
) {
  return { actor, requestId, instanceId, object: id }
}
