// Reaches one vCenter: a connection that only the trusted one gets, and the facts that it tells before a login.

import { X509Certificate } from 'node:crypto'
import { Refusal } from '../../base/refusal.ts'
import { parseCertificates } from '../../core/pki/certificate.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { VcenterTrust } from '../../outside/vsphere-api/certificate.ts'
import { VsphereConnection } from '../../outside/vsphere-api/connection.ts'
import {
  openSession,
  readService,
  type VsphereCredentials,
  type VsphereSession,
} from '../../outside/vsphere-api/session.ts'
import type { StoredTrust, Vcenter } from './vcenters.ts'

type Place = Pick<Vcenter, 'host' | 'port' | 'trust'>

/** The product of a vCenter and its identifier, which it tells before a login. Rejects with Refusal and VsphereError. */
export async function aboutVcenter(
  place: Place,
  clock: Clock,
): Promise<Pick<Vcenter, 'product' | 'version' | 'instanceUuid'>> {
  const connection = connectionTo(place, clock)
  try {
    const { about } = await readService(connection)
    const { product, version, apiType, instanceUuid } = about
    if (apiType !== 'VirtualCenter' || instanceUuid === undefined)
      throw new Refusal(
        'refused',
        `${place.host} is not a vCenter but ${product} ${version}`,
        'Name the vCenter that manages this host.',
      )
    return { product, version, instanceUuid }
  } finally {
    connection.close()
  }
}

/** Logs in, works, and logs out. Rejects with Refusal and VsphereError. */
export async function inSession<T>(
  vcenter: Place & Pick<Vcenter, 'instanceUuid'>,
  login: VsphereCredentials,
  clock: Clock,
  work: (session: VsphereSession) => Promise<T>,
): Promise<T> {
  const session = await openedSession(vcenter, login, clock)
  try {
    return await work(session)
  } finally {
    await endSession(session)
  }
}

/** Logs in. The caller ends it by `endSession`. Rejects with Refusal and VsphereError, and with the reason of `signal`. */
export async function openedSession(
  vcenter: Place & Pick<Vcenter, 'instanceUuid'>,
  login: VsphereCredentials,
  clock: Clock,
  signal?: AbortSignal,
): Promise<VsphereSession> {
  const connection = connectionTo(vcenter, clock)
  const close = () => connection.close()
  signal?.addEventListener('abort', close, { once: true })
  try {
    const session = await openSession(connection, login)
    if (session.about.instanceUuid === vcenter.instanceUuid) return session
    await session.end()
    throw new Refusal('refused', `another vCenter answers at ${vcenter.host}: nothing was changed`)
  } catch (error) {
    close()
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', close)
  }
}

/** Logs out, for at most five seconds. Does not reject. */
export async function endSession(session: VsphereSession): Promise<void> {
  await session.end()
  session.connection.close()
}

function connectionTo({ host, port, trust }: Place, clock: Clock): VsphereConnection {
  return new VsphereConnection({ address: { host, port }, trust: vcenterTrust(trust), clock })
}

function vcenterTrust(trust: StoredTrust): VcenterTrust {
  if ('fingerprint' in trust) return trust
  return { authorities: parseCertificates(trust.authority).map(({ der }) => new X509Certificate(der)) }
}
