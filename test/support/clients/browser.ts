// The console in a real browser: Debian's Chromium, driven as a user would. Notes what no page may do: errors on the console,
// requests to other servers.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import {
  chromium,
  type Browser,
  type BrowserContextOptions,
  type LaunchOptions,
  type Page,
} from 'playwright-core'
import { startEmbedded, type EmbeddedServer } from '../server/server.ts'
import { skipOrFail } from '../server/skip.ts'

const executablePath = '/usr/bin/chromium'

interface PageOptions extends BrowserContextOptions {
  /** Beginnings of addresses where the browser goes too: the pages of an identity provider. */
  readonly elsewhere?: readonly string[]
}

export interface ConsolePage extends AsyncDisposable {
  readonly page: Page
  /** Errors that the browser told of, and requests that went elsewhere. */
  readonly faults: readonly string[]
  open(path: string): Promise<void>
  logIn(token: string): Promise<void>
}

export interface Console extends ConsolePage {
  readonly server: EmbeddedServer
  readonly browser: Browser
}

interface ConsoleOptions extends PageOptions {
  readonly launch?: LaunchOptions
}

/** A server of its own and a page of it, where its first token is logged in at this path; undefined if the test was skipped. */
export async function openConsole(
  t: TestContext,
  at = '/',
  { launch, ...options }: ConsoleOptions = {},
): Promise<Console | undefined> {
  await using opened = new AsyncDisposableStack()
  const launched = await startBrowser(t, launch)
  if (!launched) return undefined
  const browser = opened.use(launched)
  const server = opened.use(await startEmbedded())
  const console = opened.use(await openPage(browser, server, options))
  await console.open(at)
  await console.logIn(firstToken(server))
  await console.page.getByRole('navigation').waitFor()
  const kept = opened.move()
  t.after(() => kept.disposeAsync())
  return { ...console, server, browser }
}

/** Undefined if the test was skipped, since there is no Chromium. */
export async function startBrowser(
  t: TestContext,
  options: LaunchOptions = {},
): Promise<(Browser & AsyncDisposable) | undefined> {
  if (existsSync(executablePath)) return launchBrowser(options)
  skipOrFail(t, "needs Debian's chromium: apt-get install chromium")
  return undefined
}

export function launchBrowser(options: LaunchOptions = {}): Promise<Browser & AsyncDisposable> {
  return chromium.launch({ executablePath, args: ['--no-sandbox'], ...options })
}

/** A page of its own, with nothing of the others in its memory. */
export async function openPage(
  browser: Browser,
  server: Pick<EmbeddedServer, 'admin'>,
  { elsewhere = [], ...options }: PageOptions = {},
): Promise<ConsolePage> {
  // Without motion, what a test judges is drawn whole: a colour halfway is no colour of the page.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (said) => {
    // A refusal of the API is no fault of the page; Chromium logs each of them.
    if (said.type() === 'error' && !said.text().startsWith('Failed to load resource'))
      faults.push(said.text())
  })
  page.on('request', (request) => {
    const url = request.url()
    const isAllowed = [`${server.admin}/`, ...elsewhere].some((beginning) => url.startsWith(beginning))
    if (!isAllowed && !/^(?:data|blob):/.test(url)) faults.push(`asked ${url}`)
  })
  return {
    page,
    faults,
    open: async (to) => void (await page.goto(server.admin + to)),
    logIn: async (token) => {
      // The pages that wait unseen have fields of tokens, too.
      await page.getByLabel('Token', { exact: true }).fill(token)
      await page.getByRole('button', { name: 'Log in' }).click()
    },
    [Symbol.asyncDispose]: async () => {
      // A test's route may still hold an answer to a page's own question, which the closing takes away.
      if (!page.isClosed()) await page.unrouteAll({ behavior: 'ignoreErrors' })
      await context.close()
      assert.deepEqual(faults, [])
    },
  }
}

/** The first token, a manager's. */
export function firstToken({ data }: Pick<EmbeddedServer, 'data'>): string {
  return readFileSync(path.join(data, 'admin-token'), 'utf8').trim()
}
