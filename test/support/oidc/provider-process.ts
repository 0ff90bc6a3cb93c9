// A real identity provider (`oidc-provider`) as a process of its own, with people whose passwords are anything. Loopback only.
// One argument, JSON: { port, people, clients, claimsInToken }. It prints one line of JSON when it serves, and ends when its standard
// input does.

import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Provider, type Configuration } from 'oidc-provider'
import { testAuthority } from '../certificates/certificates.ts'
import { makeServerCertificate } from '../server/kmip-listener.ts'
import type { ProviderOptions } from './real-provider.ts'

const { port, people, clients, claimsInToken } = JSON.parse(
  process.argv[2] ?? '',
) as Required<ProviderOptions>
const { certificate: cert, key } = await makeServerCertificate()
const server = createServer({ cert, key }).listen(port, '127.0.0.1')
await once(server, 'listening')
const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

const configuration: Configuration = {
  clients: [...clients],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email'] },
  conformIdTokenClaims: !claimsInToken,
  findAccount: (_context, id) => {
    const claims = people[id]
    return claims && { accountId: id, claims: () => ({ sub: id, ...claims }) }
  },
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  cookies: { keys: ['a test'] },
  ttl: {
    AccessToken: 600,
    AuthorizationCode: 60,
    DeviceCode: 600,
    Grant: 600,
    IdToken: 600,
    Interaction: 600,
    Session: 600,
  },
}
const provider = new Provider(issuer, configuration)
const answer = provider.callback()
server.on('request', (request, response) => void answer(request, response))
process.stdout.write(`${JSON.stringify({ issuer, ca: (await testAuthority()).certificate.pem })}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
