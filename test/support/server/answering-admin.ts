// A server that speaks the admin API as a test says: it answers each request by a function, and leads the command line to itself
// by a data folder.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { routes } from '../../../src/program/routes.ts'
import type { Route } from '../../../src/doors/http/route.ts'
import { issueServer, privateKeyPem } from '../../../src/core/pki/issue.ts'
import { testAuthority } from '../certificates/certificates.ts'

export interface AskedOfAdmin {
  readonly name: string
  readonly line: Route
  readonly method: string
  /** With the query. */
  readonly url: string
  readonly body: Buffer
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

export interface AnsweringAdmin extends AsyncDisposable {
  /** A data folder that leads to it. */
  readonly data: string
}

export async function startAnsweringAdmin(answer: (asked: AskedOfAdmin) => Answer): Promise<AnsweringAdmin> {
  const ca = await testAuthority()
  const { certificate, privateKey } = await issueServer({ ca, names: ['127.0.0.1'], nowMs: Date.now() })
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-answering-'))
  const server = createServer(
    { cert: certificate.pem, key: privateKeyPem(privateKey) },
    (request, response) => {
      void respond(request, answer).then(({ status, type, body }) =>
        response.writeHead(status, { 'Content-Type': type, Connection: 'close' }).end(body),
      )
    },
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  writeFileSync(path.join(data, 'admin-address'), `https://127.0.0.1:${port}\n`)
  writeFileSync(path.join(data, 'admin-token'), 'mortise_token\n')
  writeFileSync(path.join(data, 'admin-ca.pem'), ca.certificate.pem)
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await once(server.close(), 'close')
    rmSync(data, { recursive: true, force: true })
  }
  return { data, [Symbol.asyncDispose]: close }
}

async function respond(request: IncomingMessage, answer: (asked: AskedOfAdmin) => Answer): Promise<Answer> {
  const { method = '', url = '' } = request
  const body = await buffer(request)
  return answer({ ...routeOf(method, url), method, url, body })
}

function routeOf(method: string, url: string): { readonly name: string; readonly line: Route } {
  const [asked = ''] = url.split('?')
  const found = Object.entries<Route>(routes).find(
    ([, line]) =>
      line.method.toUpperCase() === method &&
      new RegExp(`^${line.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(asked),
  )
  if (!found) throw new Error(`no route ${method} ${url}`)
  return { name: found[0], line: found[1] }
}
