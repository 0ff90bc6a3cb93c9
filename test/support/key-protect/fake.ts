// The fake for tests: started as a process of its own, told what to do through its control door, and used as an
// administrator of Key Protect uses the real one.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { json, text } from 'node:stream/consumers'
import type { Fault } from './faults.ts'
import type { Called } from './listener.ts'
import type { Policy, ServiceId } from './state.ts'

interface Started {
  readonly keyProtect: string
  readonly iamUrl: string
  readonly control: string
  readonly caFile: string
  readonly instance: string
  readonly apiKeyFile: string
  readonly managerApiKeyFile: string
  readonly kmipForVmware?: {
    readonly address: string
    readonly certFile: string
    readonly keyFile: string
    readonly apiKeyFile: string
  }
}

export class KeyProtectFake {
  readonly about: Started
  readonly ca: string
  readonly #managerApiKey: string
  readonly #stop: () => Promise<void>
  #managerToken: string | undefined

  private constructor(
    about: Started,
    files: { ca: string; managerApiKey: string },
    stop: () => Promise<void>,
  ) {
    this.about = about
    this.ca = files.ca
    this.#managerApiKey = files.managerApiKey
    this.#stop = stop
  }

  /** To be stopped. `folder`: to go on where another ended; removed with it otherwise. `more`: further arguments. */
  static async start(folder?: string, more: readonly string[] = []): Promise<KeyProtectFake> {
    const place = folder ?? (await mkdtemp(path.join(tmpdir(), 'mortise-key-protect-')))
    const main = path.join(import.meta.dirname, 'main.ts')
    const args = [
      '--disable-warning=ExperimentalWarning',
      main,
      '--json',
      '--end-with-input',
      '--port',
      '0',
      '--folder',
      place,
      ...more,
    ]
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = once(child, 'close')
    const line = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line').then(([first]: string[]) => first),
      ended.then(() => undefined),
    ])
    assert.ok(line, 'the fake did not start')
    const about = JSON.parse(line) as Started
    const [ca, managerApiKey] = await Promise.all([
      readFile(about.caFile, 'utf8'),
      readFile(about.managerApiKeyFile, 'utf8'),
    ])
    return new KeyProtectFake(about, { ca, managerApiKey: managerApiKey.trim() }, async () => {
      child.kill()
      await ended
      if (folder === undefined) await rm(place, { recursive: true, force: true })
    })
  }

  stop(): Promise<void> {
    return this.#stop()
  }

  /** The URI of a key in the fake's first instance. */
  uri(key: string, { instance = this.about.instance, scheme = 'keyprotect', keyRing = '' } = {}): string {
    const query = keyRing === '' ? '' : `?key-ring=${keyRing}`
    return `${scheme}://${this.about.keyProtect}/${instance}/${key}${query}`
  }

  async control<T = unknown>(method: string, what: string, body?: object): Promise<T> {
    const response = await fetch(`${this.about.control}/${what}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    })
    const answered = await response.text()
    assert.equal(response.status, 200, answered)
    return JSON.parse(answered) as T
  }

  async fault(fault: Fault): Promise<void> {
    await this.control('POST', 'faults', fault)
  }

  async advance(seconds: number): Promise<void> {
    await this.control('POST', 'clock', { advanceSeconds: seconds })
    this.#managerToken = undefined
  }

  async serviceId(
    ...policies: (Omit<Policy, 'instance'> & { instance?: string })[]
  ): Promise<ServiceId & { apiKey: string }> {
    const full = policies.map((policy) => ({ instance: this.about.instance, ...policy }))
    return this.control('POST', 'service-ids', { policies: full })
  }

  /** Calls since the last `forgetCalls`, in order, those of the administrator too. */
  async calls(name?: string): Promise<readonly Called[]> {
    const { calls } = await this.control<{ calls: Called[] }>('GET', 'calls')
    return name === undefined ? calls : calls.filter(({ call }) => call === name)
  }

  async inFlightMax(): Promise<number> {
    return (await this.control<{ inFlightMax: number }>('GET', 'calls')).inFlightMax
  }

  async forgetCalls(): Promise<void> {
    await this.control('DELETE', 'calls')
  }

  /** Back to where nothing goes wrong; keys and service IDs stay. */
  async calm(): Promise<void> {
    await this.control('DELETE', 'faults')
    await this.control('POST', 'traffic', { latencyMs: 0, perSecond: null })
    await this.control('POST', 'listeners', { keyProtect: 'up', iam: 'up' })
    await this.control('POST', 'tokens', { lifeSeconds: 3600 })
    await this.control('POST', 'search', { keysMax: 5_000, lagMs: 0 })
    await this.control('POST', 'roles', { missing: 403 })
  }

  /** Many at once, named `name-1` and so on; their ids. */
  manyKeys(count: number, name: string, more: object = {}): Promise<readonly string[]> {
    return this.control('POST', 'keys', { count, name, ...more })
  }

  /** A new root key; its id. */
  async rootKey(more: object = {}, headers: Record<string, string> = {}): Promise<string> {
    const resource = {
      type: 'application/vnd.ibm.kms.key+json',
      name: 'a root key',
      extractable: false,
      ...more,
    }
    const { body } = await this.admin('POST', '/keys', { metadata: {}, resources: [resource] }, headers)
    const { resources } = body as { readonly resources: readonly { readonly id: string }[] }
    return resources[0]?.id ?? assert.fail('no key')
  }

  /** As an administrator (Manager, KeyPurge) does it. Fails on a refusal unless told the status that is expected. */
  async admin(
    method: string,
    pathBelow: string,
    body?: object,
    headers: Record<string, string> = {},
    status?: number,
  ): Promise<{
    readonly status: number
    readonly body: unknown
    readonly headers: Readonly<Record<string, unknown>>
  }> {
    this.#managerToken ??= await this.token(this.#managerApiKey)
    const answer = await this.raw(method, `https://${this.about.keyProtect}/api/v2${pathBelow}`, {
      headers: {
        Authorization: `Bearer ${this.#managerToken}`,
        'Bluemix-Instance': this.about.instance,
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (status === undefined) assert.ok(answer.status < 300, JSON.stringify(answer.body))
    else assert.equal(answer.status, status, JSON.stringify(answer.body))
    return answer
  }

  async token(apiKey: string): Promise<string> {
    const form = new URLSearchParams({ grant_type: 'urn:ibm:params:oauth:grant-type:apikey', apikey: apiKey })
    const { body } = await this.raw('POST', `${this.about.iamUrl}/identity/token`, {
      body: form.toString(),
      headers: {},
    })
    return (body as { readonly access_token: string }).access_token
  }

  /** One request, as it is. */
  async raw(
    method: string,
    url: string,
    { headers, body }: { headers: Record<string, string>; body?: string },
  ) {
    const outgoing = request(url, { method, headers, ca: this.ca, agent: false })
    outgoing.end(body)
    const [incoming] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage]
    const isJson = incoming.headers['content-type']?.includes('json') ?? false
    const answered: unknown = await (isJson ? json(incoming) : text(incoming))
    return { status: incoming.statusCode ?? 0, body: answered, headers: incoming.headers }
  }
}
