// A small identity provider that says what a test wants, wrong things above all, or says them slowly. Loopback only.

import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { testAuthority } from '../certificates/certificates.ts'
import { makeServerCertificate } from '../server/kmip-listener.ts'

export interface WrongProvider {
  readonly issuer: string
  readonly caFile: string
  /** Paths that were asked for, in order. */
  readonly asked: string[]
  /** The last form that the token endpoint got. */
  form: URLSearchParams
  /** What it says: a test replaces what it wants to be otherwise. */
  metadata: Record<string, unknown>
  claims: Record<string, unknown>
  /** `RS256`, `none`, `HS256`: with the public key as its secret. */
  algorithm: string
  keyId: string
  /** The key that signs, and those that it shows. */
  key: KeyObject
  shown: { readonly kid: string; readonly key: KeyObject }[]
  /** Claims of the userinfo endpoint. */
  userinfo: Record<string, unknown>
  /** Takes the place of the answer at a path. */
  readonly instead: Map<string, (response: ServerResponse) => void>
}

export function rsaKey(): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}

const firstKey = rsaKey()

/** Ends with the test. `nowMs`: its clock. */
export async function startWrongProvider(t: TestContext, nowMs: () => number): Promise<WrongProvider> {
  const { certificate: cert, key } = await makeServerCertificate()
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-wrong-oidc-'))
  const caFile = path.join(folder, 'ca.pem')
  writeFileSync(caFile, (await testAuthority()).certificate.pem)
  const server = createServer({ cert, key }).listen(0, '127.0.0.1')
  const sockets = new Set<Duplex>()
  server.on('connection', (socket) => sockets.add(socket))
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  })
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const says: WrongProvider = {
    issuer,
    caFile,
    asked: [],
    form: new URLSearchParams(),
    metadata: {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
      userinfo_endpoint: `${issuer}/userinfo`,
      id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
    },
    claims: { iss: issuer, aud: 'mortise', sub: 'anna', groups: ['managers'] },
    algorithm: 'RS256',
    keyId: 'first',
    key: firstKey,
    shown: [{ kid: 'first', key: firstKey }],
    userinfo: { sub: 'anna' },
    instead: new Map(),
  }
  const answers: Readonly<Record<string, () => unknown>> = {
    '/.well-known/openid-configuration': () => says.metadata,
    '/keys': () => ({ keys: says.shown.map(shownKey) }),
    '/userinfo': () => says.userinfo,
    '/token': () => ({
      access_token: 'an access token',
      token_type: 'Bearer',
      id_token: idToken(says, nowMs()),
    }),
  }
  server.on('request', (request, response) => {
    const at = request.url ?? ''
    says.asked.push(at)
    void text(request).then((body) => {
      if (at === '/token') says.form = new URLSearchParams(body)
      const instead = says.instead.get(at)
      if (instead) return instead(response)
      const answer = answers[at]
      if (!answer) return void response.writeHead(404).end()
      return void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(answer()))
    })
  })
  return says
}

function shownKey({ kid, key }: { readonly kid: string; readonly key: KeyObject }) {
  const { n, e, kty } = key.export({ format: 'jwk' })
  return { n, e, kty, kid, use: 'sig' }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function idToken({ claims, algorithm, keyId, key }: WrongProvider, nowMs: number): string {
  const now = Math.floor(nowMs / 1000)
  const signed = `${encode({ alg: algorithm, kid: keyId })}.${encode({ iat: now, exp: now + 300, ...claims })}`
  return `${signed}.${signatureOf(signed, algorithm, key).toString('base64url')}`
}

function signatureOf(signed: string, algorithm: string, key: KeyObject): Buffer {
  if (algorithm === 'none') return Buffer.alloc(0)
  if (algorithm === 'HS256')
    return createHmac('sha256', JSON.stringify(shownKey({ kid: 'first', key })))
      .update(signed)
      .digest()
  return sign('sha256', Buffer.from(signed), key)
}
