// What ends by time: a session after 30 minutes in which nobody does anything, and after 8 hours however much it is used; and a token
// that expires. The clock of the server's process is turned, that of the browser is not.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { firstToken, openPage, startBrowser, type ConsolePage } from '../../support/clients/browser.ts'
import { startServer, type TestServer } from '../../support/server/server.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const turnedClock = new URL('../../support/time/turned-clock.ts', import.meta.url).href

interface TurnedServer extends AsyncDisposable {
  readonly server: TestServer
  /** Turns its clock on by so much, and waits until it goes by that. */
  turn(page: Page, ms: number): Promise<void>
}

async function startTurnedServer(): Promise<TurnedServer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-clock-'))
  const file = path.join(folder, 'clock')
  writeFileSync(file, '0')
  const env = { NODE_OPTIONS: `--import ${turnedClock}`, MORTISE_TEST_CLOCK: file }
  const server = await startServer({ env })
  let aheadMs = 0
  return {
    server,
    turn: async (page, ms) => {
      aheadMs += ms
      const thenMs = Date.now() + aheadMs
      writeFileSync(file, String(aheadMs))
      server.process.kill('SIGUSR2')
      // A session that begins says when it will end.
      for (let endsMs = 0; endsMs < thenMs + 8 * hourMs - minuteMs;) {
        const headers = { Authorization: `Bearer ${firstToken(server)}` }
        const begun = await page.request.post(`${server.admin}/api/v1/session`, { headers, maxRetries: 3 })
        endsMs = Date.parse(((await begun.json()) as { readonly ends: string }).ends)
      }
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

async function assertOver({ page }: ConsolePage): Promise<void> {
  await page.getByText('The session is over. Log in again to go on where you were.').waitFor()
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  assert.equal(await page.evaluate('sessionStorage.length'), 0)
}

/** By a click, unless the page has heard of it by itself, as it does every half a minute. */
async function hearOfEnd({ page }: ConsolePage, link: string): Promise<void> {
  await page
    .getByRole('navigation')
    .getByRole('link', { name: link, exact: true })
    .or(page.getByText('The session is over.'))
    .click()
}

/** What each page shows once it has asked for everything. */
const whole = {
  Keys: 'No key fits.',
  Audit: 'newest first',
  Overview: 'Certificates that expire next',
} as const

async function look({ page }: ConsolePage, name: keyof typeof whole): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
  await page.getByText(whole[name]).waitFor()
}

test('a session ends when nobody does anything, though its page goes on asking; and one goes on where it was', async (t) => {
  await using turned = await startTurnedServer()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, turned.server)
  const { page } = console
  await console.open('/')
  await console.logIn(firstToken(turned.server))
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await turned.turn(page, 29 * minuteMs)
  await look(console, 'Keys')
  await look(console, 'Overview')
  await turned.turn(page, 29 * minuteMs)
  await page.waitForResponse((response) => response.url().includes('/status') && response.ok())
  // The page has asked by itself meanwhile, which is no use of the session.
  await turned.turn(page, 2 * minuteMs)
  await assertOver(console)
  await console.logIn(firstToken(turned.server))
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
})

test('a session ends after eight hours, however much it is used', async (t) => {
  await using turned = await startTurnedServer()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, turned.server)
  const { page } = console
  await console.open('/clients/blocked')
  await console.logIn(firstToken(turned.server))
  await page.getByRole('heading', { name: 'Blocked certificates' }).waitFor()
  for (let usedMs = 0; usedMs < 7.6 * hourMs; usedMs += 25 * minuteMs) {
    await turned.turn(page, 25 * minuteMs)
    await look(console, usedMs % (50 * minuteMs) === 0 ? 'Keys' : 'Audit')
  }
  await turned.turn(page, 25 * minuteMs)
  await hearOfEnd(console, 'Clients')
  await assertOver(console)
})

test('an expired token lets nobody in, and its session ends with it', async (t) => {
  await using turned = await startTurnedServer()
  await using browser = await startBrowser(t)
  if (!browser) return
  const words = ['token', 'create', '--role', 'viewer', '--name', 'visitor', '--expires', '1'] as const
  const { token } = (await turned.server.json(...words)) as { readonly token: string }
  await using console = await openPage(browser, turned.server)
  const { page } = console
  await turned.turn(page, 23.8 * hourMs)
  await console.open('/keys')
  await console.logIn(token)
  await page.getByText(whole.Keys).waitFor()
  await turned.turn(page, 20 * minuteMs)
  await hearOfEnd(console, 'Audit')
  await assertOver(console)
  await console.logIn(token)
  await page.getByRole('alert').getByText('a valid token is needed').waitFor()
})
