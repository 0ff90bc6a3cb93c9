// The upstream of an instance: named after a trial, turned on again after a restore, removed.

import { randomUUID } from 'node:crypto'
import { AdoptionFailed } from './failure.ts'
import type { OldServerRequest } from './old-server.ts'
import { parseCertificates } from '../../core/pki/certificate.ts'
import { PkiError } from '../../core/pki/error.ts'
import type { Instance } from '../../core/trust/rows.ts'
import type { Upstream } from '../../core/trust/upstream.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { Adopting } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { upstreamRoutes } from './upstream-routes.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { refusalOfAdoption } from './jobs.ts'
import { serverTrust } from '../../doors/http/schemas.ts'
import { shownUpstream } from './shown-upstream.ts'

export const upstreamHandlers = {
  setUpstream: async (context, { asker, instance, body }) => {
    const { servers, certificate, privateKey, trust: trustFields } = body
    const trust = serverTrust(trustFields)
    requireCertificate(certificate)
    requireAnotherServer(context, trust)
    await tried(context, asker, { servers, cert: certificate, key: privateKey, trust })
    const id = randomUUID()
    const bytes = Buffer.from(privateKey)
    const key = context.upstreamKeys.stored({ id }, bytes)
    bytes.fill(0)
    const settings = { upstream: { id, servers, certificate, trust }, key }
    return context.trust.upstreams.set(asker.by, instance.id, settings, (after) =>
      shown(context, asker, after),
    )
  },

  turnUpstreamOn: async (context, { asker, instance }) => {
    const { upstream, id, name } = instance
    const key = upstream && (await context.upstreamKeys.of(upstream))
    if (upstream && !key)
      throw new Refusal(
        'refused',
        'the private key for the upstream was not restored with the instance',
        `Name the upstream again: mortise instance set ${shellWord(name)} --upstream kmip://${upstream.servers[0]}`,
      )
    if (upstream && key) {
      const { servers, certificate: cert, trust } = upstream
      const server = { servers, cert, key, trust }
      await tried(context, asker, server, 'the upstream stays off: ').finally(() => key.fill(0))
    }
    return context.trust.upstreams.turnOn(asker.by, id, (after) => shown(context, asker, after))
  },

  removeUpstream: async ({ trust }, { asker, instance }) => {
    await trust.upstreams.remove(asker.by, instance.id)
    return { servers: [...(instance.upstream?.servers ?? [])] }
  },
} satisfies Handlers<typeof upstreamRoutes, Adopting>

/** `otherwise` begins the refusal. */
async function tried(
  { upstreams }: Pick<Adopting, 'upstreams'>,
  { instanceId }: Pick<ApiRequester, 'instanceId'>,
  server: OldServerRequest,
  otherwise = '',
): Promise<void> {
  try {
    await upstreams.trials.run(server, instanceId)
  } catch (error) {
    if (!(error instanceof AdoptionFailed)) throw error
    const { code, message, hint } = refusalOfAdoption(error)
    throw new Refusal(code, `${otherwise}${message}`, hint)
  }
}

function requireCertificate(pem: string): void {
  try {
    parseCertificates(pem)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    throw new Refusal('bad-request', `body.certificate: ${error.message}`)
  }
}

/** The trial finds the rest: this server under another certificate, and servers that ask it in turn. */
function requireAnotherServer({ serverCertificate }: Adopting, trust: Upstream['trust']): void {
  if (trust.by !== 'fingerprint' || trust.sha256 !== serverCertificate().sha256) return
  throw new Refusal(
    'bad-request',
    "this is the fingerprint of this server's own certificate: a server cannot be its own upstream",
    'Give the address and the fingerprint of the old server: mortise doctor HOST shows it.',
  )
}

async function shown(context: Adopting, asker: ApiRequester, instance: Instance) {
  const upstream = await shownUpstream(context, asker, instance)
  if (!upstream) throw new Error(`the instance ${instance.id} has no upstream`)
  return upstream
}
