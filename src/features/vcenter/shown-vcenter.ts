// vCenters and the work with them, as the admin API shows them.

import { parseCertificates } from '../../core/pki/certificate.ts'
import type { Output } from '../../doors/http/route.ts'
import { shownJob } from '../../doors/http/shown-job.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'
import { addressOf } from './common-steps.ts'
import type { ConnectJob, ReadJob } from './jobs.ts'
import type { VcenterService } from './needs.ts'
import type { vcenterRoutes } from './routes.ts'
import type { Vcenter } from './vcenters.ts'
import { knownWholeness, type Wholeness } from './wholeness.ts'

export async function shownVcenter(
  context: VcenterService,
  vcenter: Vcenter,
  wholeness?: Wholeness,
): Promise<Output<(typeof vcenterRoutes)['showVcenter']>> {
  const { id, name, host, port, trust, product, version, instanceUuid, addedMs, provider, switched, user } =
    vcenter
  const { logins, clock } = context
  const { reasons, readings } = wholeness ?? (await knownWholeness(context, vcenter.instanceId))
  const reading = readings.get(id)
  return {
    id,
    name,
    host,
    port,
    trust:
      'fingerprint' in trust
        ? trust
        : {
            authorities: parseCertificates(trust.authority).map(({ sha256, subject }) => ({
              sha256,
              subject,
            })),
          },
    product,
    version,
    instanceUuid,
    added: isoTime(addedMs),
    login: user === undefined ? null : { user, state: (await logins.isStored(vcenter)) ? 'stored' : 'off' },
    inventory: {
      whole: reasons.length === 0,
      reasons: [...reasons],
      read: reading ? isoTime(clock.now() - reading.ageMs) : null,
    },
    provider: provider
      ? { name: provider.name, proof: provider.proof, connected: isoTimeOrNull(provider.connectedMs) }
      : null,
    switch: switched
      ? {
          provider: switched.provider,
          servers: switched.servers.map(addressOf),
          began: isoTime(switched.startedMs),
          done: isoTimeOrNull(switched.doneMs),
        }
      : null,
  }
}

export function shownRead(job: ReadJob): Output<(typeof vcenterRoutes)['showVcenterRead']> {
  return { ...shownJob(job), vcenter: job.vcenter }
}

export function shownConnect(job: ConnectJob): Output<(typeof vcenterRoutes)['showConnect']> {
  const { vcenter, provider, dryRun } = job
  const { steps, warnings, ...shown } = shownJob(job)
  return {
    ...shown,
    vcenter,
    provider,
    dryRun,
    steps: steps.map((step) => ({ ...step })),
    warnings: [...warnings],
  }
}
