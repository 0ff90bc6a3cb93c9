// Starts the real identity provider (provider-process.ts), and goes through its pages as a browser does: redirects, cookies and forms.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { ClientMetadata } from 'oidc-provider'
import { freePort } from '../server/free-port.ts'
import { fetchFrom } from './fetch-from.ts'

export interface ProviderOptions {
  /** Left out: a free one. */
  readonly port?: number
  /** Claims by subject. */
  readonly people: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly clients: readonly ClientMetadata[]
  /** Whether the ID token has them; else the userinfo endpoint has. */
  readonly claimsInToken?: boolean
}

export interface RealProvider extends AsyncDisposable {
  readonly issuer: string
  readonly caFile: string
  /** Ends it at once. */
  kill(): Promise<void>
  /** Starts it again at the same address, with new keys. */
  again(): Promise<void>
  /**
   * Goes where a browser goes, as this person; the address outside the provider where it ends. Without one: the last page.
   */
  browse(url: string, login: string): Promise<string>
}

export async function startProvider(options: ProviderOptions): Promise<RealProvider> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-oidc-'))
  const caFile = path.join(folder, 'ca.pem')
  const port = options.port ?? (await freePort())
  let running = await spawnProvider({ ...options, port })
  const { issuer } = running
  writeFileSync(caFile, running.ca)
  const kill = () => running.kill()
  return {
    issuer,
    caFile,
    kill,
    again: async () => {
      running = await spawnProvider({ ...options, port })
      writeFileSync(caFile, running.ca)
    },
    browse: (url, login) => browse({ issuer, ca: () => running.ca }, url, login),
    [Symbol.asyncDispose]: async () => {
      await kill()
      rmSync(folder, { recursive: true })
    },
  }
}

async function spawnProvider({ claimsInToken = true, ...options }: ProviderOptions) {
  const file = path.join(import.meta.dirname, 'provider-process.ts')
  const flags = ['--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, file, JSON.stringify({ claimsInToken, ...options })], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const ended = once(child, 'close')
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(() => assert.fail('the identity provider did not start')),
  ])) as [string]
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return { ...(JSON.parse(line) as { readonly issuer: string; readonly ca: string }), kill }
}

async function browse(
  { issuer, ca }: { readonly issuer: string; readonly ca: () => string },
  start: string,
  login: string,
): Promise<string> {
  const cookies = new Map<string, string>()
  let next: { readonly url: string; readonly form?: URLSearchParams } = { url: start }
  for (let steps = 0; steps < 30; steps++) {
    const { url, form } = next
    if (!url.startsWith(issuer)) return url
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
    const answer = await fetchFrom(url, { ca: ca(), headers, ...(form && { method: 'POST', form }) })
    for (const cookie of answer.cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      cookies.set(name, value)
    }
    if (answer.location !== undefined) {
      next = { url: new URL(answer.location, url).href }
      continue
    }
    const filled = formOf(answer.text, login)
    if (!filled) return answer.text
    next = { url: new URL(filled.action, url).href, form: filled.form }
  }
  return assert.fail(`the provider leads in circles: ${next.url}`)
}

/** The first form of a page, filled in by a person. */
function formOf(page: string, login: string) {
  const [, head = '', body = ''] = /<form([^>]*)>([^]*?)<\/form>/.exec(page) ?? []
  const action = /action="([^"]*)"/.exec(head)?.[1]
  if (action === undefined) return undefined
  const form = new URLSearchParams()
  for (const [input] of body.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1]
    if (name === undefined) continue
    const value = /value="([^"]*)"/.exec(input)?.[1] ?? ''
    form.set(name, name === 'login' ? login : name === 'password' ? 'anything' : value)
  }
  return { action, form }
}
