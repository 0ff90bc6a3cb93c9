// The handlers of the routes about vCenters. connect.ts has the work of connecting one; the first connect loads it.

import { randomUUID } from 'node:crypto'
import { parseCertificate, parseCertificates } from '../../core/pki/certificate.ts'
import { thumbprint } from '../../core/pki/server-chain.ts'
import type { Address } from '../../base/kmip-address.ts'
import { Refusal } from '../../base/refusal.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import { refuseIfElsewhere } from '../../doors/http/jobs.ts'
import type { ApiRequester, RouteRequest } from '../../doors/http/route-request.ts'
import { byName, isoTime } from '../../doors/http/views/shown.ts'
import type { VsphereSession } from '../../outside/vsphere-api/session.ts'
import { vcenterEntry } from './audited.ts'
import { connecting, refusalOfVcenter } from './jobs.ts'
import type { VcenterLogin } from './logins.ts'
import type { VcenterService } from './needs.ts'
import { planOf, vcenterAddress } from './plan.ts'
import type { vcenterRoutes } from './routes.ts'
import { shownConnect, shownRead, shownVcenter } from './shown-vcenter.ts'
import { changedVcenter, type StoredTrust, type Vcenter } from './vcenters.ts'
import { knownWholeness } from './wholeness.ts'

type Body<N extends keyof typeof vcenterRoutes> = RouteRequest<(typeof vcenterRoutes)[N]>['body']

export const vcenterHandlers = {
  lookAtVcenter: async ({ clock }, { asker, body }) => {
    requireAllInstances(asker)
    const { presentedCertificate } = await import('../../outside/vsphere-api/certificate.ts')
    const address = vcenterAddress(body.host)
    const { leaf } = await orRefusal(presentedCertificate(address, { waitMs: lookMs, clock }))
    const certificate = parseCertificate(leaf.raw)
    return {
      ...address,
      certificate: {
        sha256: certificate.sha256,
        sha1: thumbprint(certificate.der),
        subject: certificate.subject,
        issuer: certificate.issuer,
        notBefore: isoTime(certificate.notBeforeMs),
        notAfter: isoTime(certificate.notAfterMs),
      },
    }
  },

  listVcenters: async (context, { instance }) => {
    const vcenters = (await context.vcenters.of(instance.id)).toSorted(byName)
    const wholeness = await knownWholeness(context, instance.id)
    return Promise.all(vcenters.map(async (vcenter) => shownVcenter(context, vcenter, wholeness)))
  },

  showVcenter: async (context, { instance, params }) =>
    shownVcenter(context, await context.vcenters.named(instance, params.vcenter)),

  addVcenter: async (context, { asker, instance, body }) => {
    requireAllInstances(asker)
    const address = vcenterAddress(body.host)
    const trust = storedTrust(body.trust)
    const vcenter: Vcenter = {
      id: randomUUID(),
      instanceId: instance.id,
      name: body.name ?? address.host,
      ...address,
      trust,
      ...(await aboutOf(context, address, trust)),
      addedMs: context.clock.now(),
      ...(body.login && { user: body.login.user, loginMs: context.clock.now() }),
    }
    if (body.login) await tryLogin(context, vcenter, body.login)
    const instances = new Set((await context.access.snapshot()).tables.instance.keys())
    await context.vcenters.add(vcenter, instances, vcenterEntry(context, asker, vcenter, 'vcenter.add'))
    // Killed before this, the login is shown as off.
    if (body.login) await storeLogin(context, vcenter, body.login)
    return shownVcenter(context, vcenter)
  },

  setVcenter: async (context, { asker, instance, params, body }) => {
    const before = await context.vcenters.named(instance, params.vcenter)
    requireAllInstances(asker)
    const { name, host, login } = body
    const address = host === undefined ? before : vcenterAddress(host)
    const trust = body.trust === undefined ? before.trust : storedTrust(body.trust)
    const isElsewhere = host !== undefined || body.trust !== undefined
    const about = isElsewhere ? await aboutOf(context, address, trust) : undefined
    if (about && about.instanceUuid !== before.instanceUuid)
      throw new Refusal(
        'refused',
        `another vCenter answers there: its identifier is ${about.instanceUuid}, and that of ${before.name} is ${before.instanceUuid}`,
        'Add it as one of its own: mortise vcenter add HOST',
      )
    const fields = {
      ...(name !== undefined && { name }),
      host: address.host,
      port: address.port,
      trust,
      ...about,
      ...(login !== undefined && { user: login?.user ?? null }),
      ...(login && { loginMs: context.clock.now() }),
    }
    const after = changedVcenter(before, fields)
    if (login) await tryLogin(context, after, login)
    const set = await context.vcenters.set(before, fields, vcenterEntry(context, asker, after, 'vcenter.set'))
    if (login) await storeLogin(context, set, login)
    if (login === null) await context.logins.remove(before.id)
    return shownVcenter(context, set)
  },

  removeVcenter: async (context, { asker, instance, params }) => {
    const vcenter = await context.vcenters.named(instance, params.vcenter)
    await context.campaigns.requireFree(vcenter.id)
    await context.vcenters.remove(vcenter, vcenterEntry(context, asker, vcenter, 'vcenter.remove'))
    const shown = await shownVcenter(context, vcenter)
    await context.logins.remove(vcenter.id)
    await context.campaigns.forget(vcenter.id)
    return shown
  },

  connectVcenter: async (context, { asker, instance, params, body }) => {
    const { vcenter, plan } = await planOf(context, instance, params.vcenter, body)
    requireAllInstances(asker)
    const { provider, dryRun } = plan
    const login = { user: body.user, password: Buffer.from(body.password) }
    const about = { vcenter: vcenter.name, provider, dryRun, progress: { steps: [], warnings: [] } }
    const job = context.connects.begin(vcenter.id, about, async (working) => {
      try {
        const { connectOne } = await import('./connect-one.ts')
        return await connecting(context, () =>
          connectOne(context, { asker, instance, vcenter, login, plan }, working),
        )
      } finally {
        login.password.fill(0)
      }
    })
    return shownConnect(job)
  },

  showConnect: async (context, { asker, instance, params }) => {
    const { id } = await context.vcenters.named(instance, params.vcenter)
    requireAllInstances(asker)
    const job = context.connects.show(id, params.connect)
    if (job) return shownConnect(job)
    await refuseIfElsewhere(context, 'vcenter-connect')
    throw new Refusal(
      'not-found',
      'there is no such connect: the server was restarted, or another one came after it',
      'Run it again: it changes only what is missing.',
    )
  },

  readVcenter: async (context, { asker, instance, params, body }) => {
    const vcenter = await context.vcenters.named(instance, params.vcenter)
    requireAllInstances(asker)
    const { id: instanceId } = instance
    const login = await loginFor(context, vcenter, body.login)
    const about = { vcenter: vcenter.name, progress: { rows: 0 } }
    const job = context.reads.begin(vcenter.id, about, ({ onProgress, signal }) =>
      loggedIn(context, vcenter, login, async (session) => {
        const { keyRows } = await import('./machines.ts')
        const inventory = { instanceId, vcenter: vcenter.name, takenMs: context.clock.now() }
        return context.leases.during('vcenter-read', () =>
          context.plugs.importInventory(asker, inventory, counted(keyRows(session, signal), onProgress)),
        )
      }),
    )
    return shownRead(job)
  },

  showVcenterRead: async (context, { asker, instance, params }) => {
    const { id } = await context.vcenters.named(instance, params.vcenter)
    requireAllInstances(asker)
    const job = context.reads.show(id, params.read)
    if (job) return shownRead(job)
    await refuseIfElsewhere(context, 'vcenter-read')
    throw new Refusal(
      'not-found',
      'there is no such reading: the server was restarted, or another one came after it',
      'mortise inventory show says what is there.',
    )
  },

  tryVcenter: async (context, { asker, instance, params, body }) => {
    const vcenter = await context.vcenters.named(instance, params.vcenter)
    requireAllInstances(asker)
    const login = await loginFor(context, vcenter, body.login)
    const work = loggedIn(context, vcenter, login, async (session) => {
      const { trialReport } = await import('./trial-report.ts')
      return trialReport(session, context.clock, AbortSignal.timeout(trialMs))
    })
    return orRefusal(work)
  },
} satisfies Handlers<typeof vcenterRoutes, VcenterService>

const lookMs = 10_000
/** A report waits for some pages of a large vCenter, and for no more. */
const trialMs = 240_000

/** The server opens connections to addresses that the asker names, in its own network. */
export function requireAllInstances({ instanceId }: Pick<ApiRequester, 'instanceId'>): void {
  if (instanceId === null) return
  throw new Refusal('forbidden', 'to work with a vCenter needs a token for all instances')
}

function storedTrust(trust: Body<'addVcenter'>['trust']): StoredTrust {
  if ('fingerprint' in trust) return trust
  const authorities = parseCertificates(trust.authority)
  const other = authorities.find(({ isCa }) => !isCa)
  if (other)
    throw new Refusal(
      'bad-request',
      `body.authority: this is not the certificate of a CA: ${other.subject} may not sign others`,
      'Give the CA that signed the certificate of vCenter, or the fingerprint of that certificate.',
    )
  return { authority: authorities.map(({ pem }) => pem).join('') }
}

async function aboutOf({ clock }: Pick<VcenterService, 'clock'>, address: Address, trust: StoredTrust) {
  const { aboutVcenter } = await import('./reach.ts')
  return orRefusal(aboutVcenter({ ...address, trust }, clock))
}

/** Logs in and out again, once. Throws Refusal, also where the user may not see the inventory. */
async function tryLogin(
  context: Pick<VcenterService, 'clock' | 'logins'>,
  vcenter: Vcenter,
  own: OwnLogin,
): Promise<void> {
  const [{ readPrivileges }, { missingPrivileges }] = await Promise.all([
    import('./machines.ts'),
    import('../../outside/vsphere-api/session.ts'),
  ])
  const work = loggedIn(context, vcenter, ownLogin(own), (session) =>
    missingPrivileges(session, session.content.rootFolder, readPrivileges),
  )
  const missing = await orRefusal(work)
  if (missing.length === 0) return
  throw new Refusal(
    'refused',
    `the user lacks ${missing.join(' and ')} in vCenter`,
    'Give the user the role Read-only on the vCenter itself, with Propagate to children.',
  )
}

async function storeLogin(
  { logins, readings }: Pick<VcenterService, 'logins' | 'readings'>,
  vcenter: Vcenter,
  { password: text }: { readonly password: string },
): Promise<void> {
  const password = Buffer.from(text)
  try {
    await logins.put(vcenter, password)
    readings.lookAgain()
  } finally {
    password.fill(0)
  }
}

/** Works in a session, and wipes the login. */
export function loggedIn<T>(
  { clock, logins }: Pick<VcenterService, 'clock' | 'logins'>,
  vcenter: Vcenter,
  login: VcenterLogin,
  work: (session: VsphereSession) => Promise<T>,
): Promise<T> {
  return logins.use(vcenter, login, async () => {
    const { inSession } = await import('./reach.ts')
    return inSession(vcenter, login, clock, work)
  })
}

export interface OwnLogin {
  readonly user: string
  readonly password: string
}

export function ownLogin({ user, password }: OwnLogin): VcenterLogin {
  return { user, password: Buffer.from(password), isStored: false }
}

/** The login of the request, or the stored one. `loggedIn` wipes it. */
export async function loginFor(
  { logins }: Pick<VcenterService, 'logins'>,
  vcenter: Vcenter,
  own: OwnLogin | undefined,
): Promise<VcenterLogin> {
  const login = own ? ownLogin(own) : await logins.stored(vcenter)
  if (login) return login
  const { name, user } = vcenter
  throw new Refusal(
    'refused',
    user === undefined ? `no login is stored for ${name}` : `the login that was stored for ${name} is off`,
    `Give one for this reading, or store it: mortise vcenter set ${shellWord(name)} --user USER`,
  )
}

async function* counted<T>(
  rows: AsyncIterable<T>,
  onProgress: (progress: { readonly rows: number }) => void,
): AsyncGenerator<T, void, undefined> {
  let count = 0
  for await (const row of rows) {
    onProgress({ rows: ++count })
    yield row
  }
}

export async function orRefusal<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw refusalOfVcenter(error) ?? error
  }
}
