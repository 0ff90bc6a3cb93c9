// Clients: which certificates and CAs the server trusts, and for which client.

import { pause } from '../../base/parts.ts'
import type { Allow } from '../../core/trust/allow.ts'
import type { ClientSettings } from '../../core/trust/client-changes.ts'
import { hashCredential } from '../../core/trust/credential.ts'
import { trustedClient, type Client, type Instance, type TrustTables } from '../../core/trust/rows.ts'
import { parseCertificate, type Certificate } from '../../core/pki/certificate.ts'
import { signRequest } from '../../core/pki/issue.ts'
import {
  requireForeignAuthority,
  requireNoAuthority,
  requireNotOwn,
} from '../../core/pki/client-certificate.ts'
import { checkSubjectPattern, fitsEverySubject } from '../../core/pki/match.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { Needs } from './needs.ts'
import { missingRules, ruleFlags } from './products/product.ts'
import { productOf, type ProductName } from './products/table.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { clientRoutes } from './routes.ts'
import type { RouteRequest } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { present } from '../../doors/http/views/present.ts'
import { byName } from '../../doors/http/views/shown.ts'
import { shownClient } from './shown-client.ts'

/** Clients that a list shows at once: the certificates of each take a tenth of a millisecond to read, and the store its time to answer. */
const clientsPerStep = 20

export const clientHandlers = {
  listClients: async (context, { instance, pace }) => {
    const clients = (await context.access.clients(instance.id)).toSorted(byName)
    const shown: Awaited<ReturnType<typeof shownClient>>[] = []
    for (let at = 0; at < clients.length; at += clientsPerStep) {
      await pause(pace)
      const some = clients.slice(at, at + clientsPerStep)
      shown.push(...(await Promise.all(some.map(async (client) => shownClient(context, instance, client)))))
    }
    return shown
  },

  showClient: async (context, { instance, params }) =>
    shownClient(context, instance, await clientNamed(context, instance, params.client)),

  setClient: async (context, { asker, instance, params, body }) => {
    const { credential, ...rest } = body
    const settings = {
      ...present(rest),
      ...(credential !== undefined && { credential: await newCredential(credential) }),
    }
    const { clients } = context.trust
    return clients.update(asker.by, instance.id, params.client, settings, answer(context, instance))
  },

  removeCertificate: async (context, { asker, instance, params }) => {
    const { client, certificate } = params
    const plain = certificate.replaceAll(':', '').toLowerCase()
    const { clients } = context.trust
    return clients.removeCertificate(asker.by, instance.id, client, plain, answer(context, instance))
  },

  trustClient: async (context, request) => {
    const body = { ...request.body, allow: rightsFor(request.body, request.instance) }
    if (body.by === 'authority') return trustAuthority(context, request, body)
    const certificate =
      body.by === 'pending'
        ? await pendingCertificate(context, request, body.sha256)
        : parseCertificate(body.certificate)
    const { active, staged, previous } = context.serverCertificates.view()
    const served = [active, staged, previous].map((one) => one?.certificate)
    requireNotOwn(certificate, [...served, context.machine.adminCertificate()])
    return trustCertificate(context, request, body, certificate)
  },

  signClient: async (context, signing) => {
    const { authority: ca, clock } = context
    const { request, days, name } = signing.body
    const allow = rightsFor(signing.body, signing.instance)
    const signed = await signRequest({
      ca,
      csr: request,
      nowMs: clock.now(),
      ...(days !== undefined && { days }),
    })
    const issuedUntilMs = signed.notAfterMs
    const client = await trustCertificate(context, signing, { name, allow, issuedUntilMs }, signed)
    return { ...client, certificate: signed.pem, authority: ca.certificate.pem }
  },

  removeClient: async ({ trust }, { asker, instance, params }) => {
    const { id, name } = await trust.clients.remove(asker.by, instance.id, params.client)
    return { id, name }
  },
} satisfies SomeHandlers<typeof clientRoutes, Needs>

/** The rights of a new client. Refuses a product whose needs the instance does not meet. */
function rightsFor(
  { product, allow }: { readonly product?: ProductName | undefined; readonly allow?: Allow | undefined },
  { name, ...instance }: Instance,
): Allow | undefined {
  if (product === undefined) return allow
  const { title, allow: needed, rules } = productOf(product)
  if (allow !== undefined)
    throw new Refusal(
      'bad-request',
      'body.allow: stands beside product, which says what the client may ask for',
      `Leave one of them out. ${title} needs ${needed.join(',')}.`,
    )
  const flags = ruleFlags(missingRules(rules, instance))
  if (flags !== '')
    throw new Refusal(
      'conflict',
      `${title} needs ${flags}, and the instance ${name} is set otherwise`,
      `Set it, if all clients of the instance can live with it: mortise instance set ${shellWord(name)} ${flags}`,
    )
  return needed
}

type Trusting = Pick<RouteRequest<(typeof clientRoutes)['trustClient']>, 'asker' | 'instance'>

interface NewClient {
  readonly name: string
  readonly allow?: Allow | undefined
}

async function trustCertificate(
  context: Needs,
  { asker, instance }: Trusting,
  { name, allow, issuedUntilMs }: NewClient & { readonly issuedUntilMs?: number },
  certificate: Certificate,
) {
  requireNoAuthority(certificate)
  const { sha256 } = certificate
  const shown = answer(context, instance)
  const trusted = await context.trust.clients.trustCertificate(
    asker.by,
    { instanceId: instance.id, certificate, name, allow, issuedUntilMs },
    async ({ client }, tables) => ({ ...(await shown(client, tables)), sha256 }),
  )
  context.pending.remove(sha256)
  return trusted
}

async function trustAuthority(
  context: Needs,
  { asker, instance }: Trusting,
  body: Omit<
    RouteRequest<(typeof clientRoutes)['trustClient']>['body'] & { readonly by: 'authority' },
    'allow'
  > &
    Pick<NewClient, 'allow'>,
) {
  const ca = parseCertificate(body.authority)
  const subject = checkSubjectPattern(body.subject)
  requireForeignAuthority(ca, context.authority.certificate)
  if (fitsEverySubject(subject) && !body.everyCertificate)
    throw new Refusal(
      'bad-request',
      `the subject pattern ${subject} fits every certificate that this CA signs, those of hosts and service users too`,
      "Give a pattern, such as 'kmipClient*'. If you mean every certificate: --every-certificate-of-this-ca.",
    )
  const { name, leavePinned, allow } = body
  const rule = { instanceId: instance.id, name, ca, subject, leavePinned, allow }
  const shown = answer(context, instance)
  return context.trust.clients.trustAuthority(asker.by, rule, async ({ client }, tables) => ({
    ...(await shown(client, tables)),
    sha256: ca.sha256,
  }))
}

async function pendingCertificate(
  { pending }: Needs,
  { asker }: Trusting,
  sha256: string,
): Promise<Certificate> {
  if (asker.instanceId !== null)
    throw new Refusal('forbidden', 'pending clients are trusted with a token for all instances')
  await pending.follow()
  const waiting = pending.get(sha256)
  if (!waiting)
    throw new Refusal(
      'not-found',
      'no pending client has a certificate with this SHA-256',
      'Make the client connect (in vCenter: refresh the key provider), then look: mortise client pending',
    )
  return parseCertificate(waiting.certificate)
}

/**
 * Shows a client as a change leaves it. It runs before the commit, so a change that cannot be answered does not
 * happen.
 */
function answer(context: Needs, instance: Instance) {
  return (client: Client, tables: TrustTables) =>
    shownClient(context, instance, trustedClient(tables, client))
}

/** Finds a client by id or name. */
async function clientNamed({ access }: Needs, instance: Instance, nameOrId: string) {
  const clients = await access.clients(instance.id)
  const client = clients.find(({ id }) => id === nameOrId) ?? clients.find(({ name }) => name === nameOrId)
  if (!client)
    throw new Refusal(
      'not-found',
      `there is no client ${nameOrId} in this instance`,
      'List them: mortise client list',
    )
  return client
}

/** The credential to store, or only another mode for the one that is set. The password is hashed here and kept nowhere else. */
async function newCredential(
  credential: NonNullable<RouteRequest<(typeof clientRoutes)['setClient']>['body']['credential']> | null,
): Promise<ClientSettings['credential']> {
  if (credential === null) return null
  const { mode, userName, password } = credential
  if (userName !== undefined && password !== undefined) return hashCredential(mode, userName, password)
  if (userName === undefined && password === undefined) return { mode }
  throw new Refusal(
    'bad-request',
    'body.credential: user name and password belong together',
    'Give both, or neither to keep those that are set.',
  )
}
