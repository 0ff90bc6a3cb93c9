// The status of key providers: each server is connected to and asked, as vCenter does it.

import { KmipTransportError } from '../../../src/outside/kmip-client/errors.ts'
import { certificateInfo } from './certificate-info.ts'
import { own, type Methods, type SoapCall } from './calls.ts'
import { addressOf, isKeyServerError, lookAtServer, trusts, type KeyServers } from './key-servers.ts'
import type { KeyProvider, KeyServer, Providers } from './providers.ts'
import { reference, type Ref } from './soap.ts'
import type { VcsimClient } from './vcsim-client.ts'
import { changed, childrenOf, element, localName, optional, textAt, typed, type Xml } from './xml.ts'

interface StatusServices {
  readonly vcsim: VcsimClient
  readonly providers: Providers
  readonly keyServers: KeyServers
}

type Colour = 'green' | 'yellow' | 'red'

export function statusMethods({ vcsim, providers, keyServers }: StatusServices): Methods {
  const overall = async (provider: KeyProvider) =>
    colourOf(await serverStatuses(keyServers, provider, provider.servers))
  return {
    RetrieveKmipServersStatus_Task: own(async (call) => {
      const look = async () => {
        const subjects = subjectsOf(await providers.all(), call)
        const statuses = await Promise.all(subjects.map((subject) => providerStatus(keyServers, subject)))
        return typed('result', 'ArrayOfCryptoManagerKmipClusterStatus', statuses)
      }
      return [reference('returnval', await vcsim.task(rootFolder, look))]
    }),
    IsKmsClusterActive: own(async ({ request }) => {
      const id = textAt(request, 'cluster', 'id')
      const provider = await (id === undefined ? providers.lookUp(id) : providers.get(id, 'cluster'))
      const isActive = provider !== undefined && (await overall(provider)) !== 'red'
      return [element('returnval', isActive)]
    }),
    ListKmsClusters: own(async ({ request }) => {
      const kinds = Number(textAt(request, 'managementTypeFilter') ?? -1)
      const activity = Number(textAt(request, 'statusFilter') ?? -1)
      const withServers = textAt(request, 'includeKmsServers') === 'true'
      const listed: Xml[] = []
      for (const provider of await providers.all()) {
        const kind = managementBits[textAt(provider.info, 'managementType') ?? 'vCenter'] ?? 0
        if (kinds !== -1 && (kinds & kind) === 0) continue
        if (activity !== -1 && (activity & ((await overall(provider)) === 'red' ? 2 : 1)) === 0) continue
        listed.push(withServers ? provider.info : withoutServers(provider.info))
      }
      return listed
    }),
  }
}

const rootFolder: Ref = { type: 'Folder', value: 'group-d1' }

const managementBits: Readonly<Record<string, number>> = { vCenter: 1, trustAuthority: 2, nativeProvider: 8 }

function withoutServers(info: Xml): Xml {
  return changed(info, (field) => (localName(field) === 'servers' ? undefined : field))
}

// ---------------------------------------------------------------- What is to be looked at

interface StatusSubject {
  readonly provider: KeyProvider
  readonly servers: readonly KeyServer[]
}

/** The providers, and of each the servers, that the request names; all where it names none. */
function subjectsOf(all: readonly KeyProvider[], { request }: SoapCall): readonly StatusSubject[] {
  const clusters = childrenOf(request, 'clusters')
  if (clusters.length === 0) return all.map((provider) => ({ provider, servers: provider.servers }))
  return clusters.flatMap((cluster) => {
    const provider = all.find(({ id }) => id === textAt(cluster, 'clusterId', 'id'))
    if (!provider) return []
    const names = childrenOf(cluster, 'servers').map((server) => textAt(server, 'name'))
    const servers = provider.servers.filter(({ name }) => names.length === 0 || names.includes(name))
    return [{ provider, servers }]
  })
}

// ---------------------------------------------------------------- Looking

interface ServerStatus {
  readonly colour: Colour
  readonly xml: Xml
}

/** CryptoManagerKmipClusterStatus. */
async function providerStatus(keyServers: KeyServers, { provider, servers }: StatusSubject): Promise<Xml> {
  const statuses = await serverStatuses(keyServers, provider, servers)
  const { active } = provider.trust
  return element('CryptoManagerKmipClusterStatus', [
    element('clusterId', [element('id', provider.id)]),
    element('overallStatus', colourOf(statuses)),
    optional('managementType', textAt(provider.info, 'managementType')),
    ...statuses.map(({ xml }) => xml),
    active && certificateInfo('clientCertInfo', active.certificate),
  ])
}

function serverStatuses(
  keyServers: KeyServers,
  provider: KeyProvider,
  servers: readonly KeyServer[],
): Promise<readonly ServerStatus[]> {
  return Promise.all(servers.map((server) => serverStatus(keyServers, provider, server)))
}

function colourOf(statuses: readonly ServerStatus[]): Colour {
  const good = statuses.filter(({ colour }) => colour === 'green').length
  if (good === 0) return 'red'
  return good === statuses.length ? 'green' : 'yellow'
}

/** CryptoManagerKmipServerStatus: a handshake, the messages, and a handshake again. */
async function serverStatus(
  keyServers: KeyServers,
  provider: KeyProvider,
  server: KeyServer,
): Promise<ServerStatus> {
  const { trust } = provider
  const address = addressOf(server)
  const { certificate, error } = await lookAtServer(address, trust)
  const clientTrustServer = certificate && trusts(trust, certificate)
  let serverTrustClient = error && (error.stage === 'handshake' ? false : undefined)
  let trouble = error?.message
  if (clientTrustServer)
    try {
      await keyServers.greet(provider, server)
      await lookAtServer(address, trust)
      serverTrustClient = true
    } catch (refusal) {
      if (!isKeyServerError(refusal)) throw refusal
      trouble = refusal.message
      // A server that ends the connection without an answer does not trust the client.
      const isAway = refusal instanceof KmipTransportError && refusal.stage === 'connect'
      serverTrustClient = isAway ? undefined : false
    }
  else if (certificate) trouble = 'the certificate of the server is not trusted'
  const colour: Colour = trouble === undefined ? 'green' : 'red'
  const xml = element('servers', [
    element('name', server.name),
    element('status', colour),
    element('connectionStatus', trouble === undefined ? 'Connected' : `Cannot connect: ${trouble}`),
    certificate && certificateInfo('certInfo', certificate),
    optional('clientTrustServer', clientTrustServer),
    optional('serverTrustClient', serverTrustClient),
  ])
  return { colour, xml }
}
