// vCenter as a client of key servers, with the messages that it sends: looks at a server, makes a key, fetches one as a host
// does, asks for a state. Each piece of work has a connection of its own, with the provider's client certificate, and goes on at
// the provider's next server if one cannot be reached. Nothing is sent to a server whose certificate was not uploaded.

import { X509Certificate } from 'node:crypto'
import type { Address } from '../../../src/base/kmip-address.ts'
import { certificateOrNull, type Certificate } from '../../../src/core/pki/certificate.ts'
import { openConnection, type ClientConnection } from '../../../src/outside/kmip-client/connection.ts'
import { KmipRefused, KmipTransportError } from '../../../src/outside/kmip-client/errors.ts'
import { clientTls, type ClientTls } from '../../../src/outside/kmip-client/tls.ts'
import { KeyInventory } from '../../../src/tools/vsphere/key-inventory.ts'
import { profiles } from '../../../src/tools/vsphere/profiles.ts'
import { RunLog } from '../../../src/tools/vsphere/run-log.ts'
import { VCenterSession, type Note } from '../../../src/tools/vsphere/vcenter-session.ts'
import { usernameAndPassword } from '../../../src/wire/kmip/credential.ts'
import type { KeyProvider, KeyServer, ProviderTrust } from './providers.ts'

const profile = profiles['7.0.3']

/** What a handshake shows. */
export interface ServerLook {
  readonly certificate: Certificate | undefined
  /** Undefined: the handshake succeeded. */
  readonly error: KmipTransportError | undefined
}

/** No server of a provider did the work. The message names each server and why. */
export class NoKeyServer extends Error {
  override readonly name = 'NoKeyServer'
}

/** Connects, completes the handshake and closes, without sending a byte. Never rejects for a server that is not there. */
export async function lookAtServer(address: Address, trust: ProviderTrust): Promise<ServerLook> {
  try {
    const connection = await openConnection(address, { tls: tlsOf(trust) })
    const certificate = certificateOf(connection)
    await connection.close()
    return { certificate, error: undefined }
  } catch (error) {
    if (!(error instanceof KmipTransportError)) throw error
    return { certificate: undefined, error }
  }
}

/** Whether this very certificate was uploaded, or the one of the CA that signed it. */
export function trusts({ trusted }: ProviderTrust, certificate: Certificate): boolean {
  const shown = new X509Certificate(certificate.der)
  return trusted.some((one) => {
    if (one.sha256 === certificate.sha256) return true
    const authority = new X509Certificate(one.der)
    return one.isCa && shown.checkIssued(authority) && shown.verify(authority.publicKey)
  })
}

export class KeyServers {
  /** What the answers lacked of what vSphere needs. */
  readonly runLog = new RunLog()
  readonly #inventory = new KeyInventory()

  constructor() {
    this.runLog.begin('vCenter')
  }

  /** Sends the messages with which vCenter looks whether a server serves it. Rejects as `work`. */
  async greet(provider: KeyProvider, server: KeyServer): Promise<void> {
    await this.#at(provider, server, async (session) => session.discoverVersions(false))
    if (provider.trust.hasVendor) return
    await this.#at(provider, server, async (session) => session.vendor())
    provider.trust.hasVendor = true
  }

  /** Makes a key, which is not active yet. Returns its identifier. */
  makeKey(provider: KeyProvider): Promise<string> {
    return this.#work(provider, 'create key', (session) => session.create(provider.id, 'virtual machine'))
  }

  /** What a host does before it uses a key. Resolves when the key is there and active. */
  fetchKey(provider: KeyProvider, keyId: string): Promise<void> {
    return this.#work(provider, `get key ${keyId}`, async (session) => {
      await session.get(keyId)
      if ((await session.state(keyId)) === 'PreActive') await session.activate(keyId)
    })
  }

  /** Notes product and owner on a key. A refusal is no error. */
  async note(provider: KeyProvider, keyId: string, owner: KeyOwner): Promise<void> {
    for (const notes of [productNotes, ownerNotes(owner)])
      await this.#work(provider, `note on key ${keyId}`, async (session) => {
        const missing: Note[] = []
        for (const note of notes)
          if ((await session.attribute(keyId, note[0])).length === 0) missing.push(note)
        if (missing.length > 0) await session.addAttributes(keyId, missing)
      })
  }

  /** The State of a key. Rejects with KmipRefused if the server has no such key. */
  stateOf(provider: KeyProvider, keyId: string): Promise<string> {
    return this.#work(provider, `get the state of key ${keyId}`, (session) => session.state(keyId))
  }

  /** Rejects with NoKeyServer if no server can be reached, and with KmipRefused if one refuses. */
  async #work<T>(
    provider: KeyProvider,
    what: string,
    run: (session: VCenterSession) => Promise<T>,
  ): Promise<T> {
    const attempts: string[] = []
    for (const server of provider.servers) {
      try {
        return await this.#at(provider, server, run)
      } catch (error) {
        if (!isKeyServerError(error)) throw error
        // A server that refuses the greeting does not serve this client; a later refusal is the answer.
        if (error instanceof KmipRefused && error.operation !== 'DiscoverVersions') throw error
        const where = `${server.address}:${server.port}`
        attempts.push(`Failed to ${what} on KMS ${where} - Err:${error.message}`)
      }
    }
    throw new NoKeyServer(attempts.join('; ') || `Failed to ${what}: the key provider has no server`)
  }

  /** One piece of work at one server. Rejects with KmipRefused, KmipTransportError or NoKeyServer. */
  async #at<T>(
    { trust }: KeyProvider,
    server: KeyServer,
    run: (session: VCenterSession) => Promise<T>,
  ): Promise<T> {
    const { userName, password } = server
    if (userName !== undefined && !password) throw new NoKeyServer('QLC_ERR_VALUE_MISSING Password')
    const connection = await openConnection(addressOf(server), { tls: tlsOf(trust) })
    try {
      const certificate = certificateOf(connection)
      if (!certificate || !trusts(trust, certificate))
        throw new NoKeyServer('the certificate of the server is not trusted')
      const session = new VCenterSession(connection, {
        runLog: this.runLog,
        inventory: this.#inventory,
        credential:
          userName === undefined || !password
            ? undefined
            : usernameAndPassword({ username: userName, password: password.toString() }),
      })
      await session.discoverVersions()
      return await run(session)
    } finally {
      await connection.close()
    }
  }
}

/** Whether this is a server's refusal, or that no server did the work, and no fault of this program. */
export function isKeyServerError(error: unknown): error is KmipRefused | KmipTransportError | NoKeyServer {
  return error instanceof KmipRefused || error instanceof KmipTransportError || error instanceof NoKeyServer
}

export function addressOf({ address, port }: KeyServer): Address {
  return { host: address, port }
}

/** The owner of a key, as vCenter notes it. */
export interface KeyOwner {
  readonly uuid: string
  readonly component: 'Virtual Machine' | 'ESXi Server'
  readonly name: string
}

function ownerNotes({ uuid, component, name }: KeyOwner): readonly Note[] {
  return [
    ['x-Identifier', uuid],
    ['x-Component', component],
    ['x-Name', name],
  ]
}

const productNotes: readonly Note[] = [
  ['x-Product_Version', profile.productVersion],
  ['x-Vendor', 'VMware, Inc.'],
  ['x-Product', 'VMware vSphere'],
]

/** The check of the server's certificate is not that of TLS: see `trusts`. */
function tlsOf({ active }: ProviderTrust): ClientTls {
  const { minVersion, maxVersion } = profile
  const identity = active && { cert: active.certificate.pem, key: active.key }
  return clientTls({ minVersion, maxVersion, ...identity, trust: { by: 'nothing' } })
}

function certificateOf({ serverCertificate }: ClientConnection): Certificate | undefined {
  return (serverCertificate && certificateOrNull(serverCertificate)) ?? undefined
}
