// A session that ends while somebody fills a form: whoever logs in again finds the form as it was, and somebody else does not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible, assertFits } from './browser-checks.ts'
import { firstToken, openConsole } from '../../support/clients/browser.ts'
import { type EmbeddedServer } from '../../support/server/server.ts'

/** As from another place; the page hears of it when it asks next. */
async function endSession(page: Page, server: EmbeddedServer): Promise<void> {
  const session = String(await page.evaluate("sessionStorage.getItem('mortise-session')"))
  const headers = { Authorization: `Bearer ${session}` }
  // The server may end a connection that was kept just as it is used again.
  assert.ok((await page.request.delete(`${server.admin}/api/v1/session`, { headers, maxRetries: 3 })).ok())
}

test('a form is as it was once its reader has logged in again', async (t) => {
  const console = await openConsole(t, '/settings/instances')
  if (!console) return
  const { page, server } = console
  const { token: other } = (await server.json('token', 'create', '--role', 'manager', '--name', 'bob')) as {
    readonly token: string
  }
  await page.getByText('Create an instance').click()
  const name = page.getByLabel('Name', { exact: true })
  await name.fill('berlin')
  await endSession(page, server)
  await page.getByRole('button', { name: 'Create it' }).click()
  await page.getByText('It had ended before what you did last, which was not done.').waitFor()
  assert.equal(await page.getByRole('heading', { name: 'Instances' }).count(), 0, 'nothing else is seen')
  for (const width of [400, 1280]) {
    await page.setViewportSize({ width, height: 800 })
    await assertFits(page, `the log-in in place, ${width} px`)
  }
  await assertAccessible(page, 'the log-in in place')
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press('Escape')
  await console.logIn(firstToken(server))
  await page.getByRole('heading', { name: 'Instances' }).waitFor()
  assert.equal(await name.inputValue(), 'berlin')
  await page.getByText('The session had ended, so this was not done.').waitFor()
  await page.getByRole('button', { name: 'Create it' }).click()
  await page.getByRole('rowheader').getByText('berlin').waitFor()

  await name.fill('hamburg')
  await endSession(page, server)
  await page.getByRole('button', { name: 'Create it' }).click()
  await console.logIn(other)
  await page.getByText('bob, manager').waitFor()
  await page.getByText('Create an instance').click()
  assert.equal(await name.inputValue(), '', 'it was the form of somebody else')

  await name.fill('hamburg')
  await page.getByRole('button', { name: 'Log out' }).click()
  await console.logIn(other)
  await page.getByText('Create an instance').click()
  assert.equal(await name.inputValue(), '', 'who logs out leaves nothing')
})

test('a dialog that was open is open again, and a page that looks by itself goes on', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const { id } = (await server.json('key', 'create', '--name', 'payroll')) as { readonly id: string }
  await page.clock.install()
  await console.open(`/keys/default/${id}`)
  await page.getByRole('button', { name: 'Destroy…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Destroy this key' })
  await dialog.getByRole('textbox').fill('payro')
  await endSession(page, server)
  await page.clock.runFor(31_000)
  await page.getByText('The session is over.').waitFor()
  await console.logIn(firstToken(server))
  await dialog.waitFor()
  const asked: string[] = []
  // The log-in itself asks which ways there are.
  page.on('request', (request) => !request.url().endsWith('/login') && asked.push(request.url()))
  await page.keyboard.type('ll')
  await dialog.getByRole('button', { name: 'Destroy it' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByText('Destroyed', { exact: true }).first().waitFor()

  await console.open('/')
  await page.getByText('Certificates that expire next').waitFor()
  await endSession(page, server)
  await page.clock.runFor(31_000)
  await page.getByText('The session is over.').waitFor()
  asked.length = 0
  await page.clock.runFor(60_000)
  assert.deepEqual(asked, [], 'a page that waits asks nothing')
  await console.logIn(firstToken(server))
  await page.getByText('Certificates that expire next').waitFor()
  const isAsked = page.waitForResponse((response) => response.url().endsWith('/status') && response.ok())
  await page.clock.runFor(11_000)
  await isAsked
})

test('a page that the browser kept is not shown to whoever has logged in since', async (t) => {
  const launch = { ignoreDefaultArgs: ['--disable-back-forward-cache'] }
  const console = await openConsole(t, '/', { launch })
  if (!console) return
  const { page, server } = console
  const { token: other } = (await server.json('token', 'create', '--role', 'manager', '--name', 'bob')) as {
    readonly token: string
  }
  // Chromium keeps no page that may not be stored; other browsers do.
  await page.route('**/*', async (route) => {
    const response = await route.fetch()
    const { 'cache-control': _, ...headers } = response.headers()
    await route.fulfill({ response, headers })
  })
  await console.open('/settings')
  await page.getByText('bootstrap, manager').waitFor()
  await page.evaluate("addEventListener('pageshow', (e) => e.persisted && console.log('kept'))")
  await console.open('/health/live')
  const headers = { Authorization: `Bearer ${other}` }
  const begun = await page.request.post(`${server.admin}/api/v1/session`, { headers, maxRetries: 3 })
  const { session } = (await begun.json()) as { readonly session: string }
  await page.evaluate(`sessionStorage.setItem('mortise-session', ${JSON.stringify(session)})`)
  const isKept = page.waitForEvent('console', (said) => said.text() === 'kept')
  await page.goBack({ waitUntil: 'commit' })
  await isKept
  await page.getByText('bob, manager').waitFor()
})
