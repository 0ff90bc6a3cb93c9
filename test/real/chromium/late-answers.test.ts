// A server that takes a request and does not answer, or late: a page that looks by itself says so, and a dialog is not left while
// what it was told to do is under way.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstToken, openPage, startBrowser } from '../../support/browser.ts'
import { startEmbedded } from '../../support/server.ts'

test('the overview says that the server does not answer, and again that it does', async (t) => {
  await using server = await startEmbedded()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, server)
  const { page } = console
  await page.clock.install()
  await console.open('/')
  await console.logIn(firstToken(server))
  await page.getByRole('heading', { name: 'Instances' }).waitFor()
  const status = /\/status$/
  // The request stays without an answer.
  await page.route(status, () => {})
  const isAsked = page.waitForRequest(status)
  await page.clock.runFor(10_000)
  await isAsked
  await page.clock.runFor(60_000)
  await page.getByText('the server does not answer').waitFor()
  await page.unroute(status)
  const isAnswered = page.waitForResponse(status)
  await page.clock.runFor(60_000)
  await isAnswered
  await page.getByText('the server does not answer').waitFor({ state: 'detached' })
})

test('a dialog is not left while what it was told is under way', async (t) => {
  await using server = await startEmbedded()
  await using browser = await startBrowser(t)
  if (!browser) return
  const { id } = (await server.json('key', 'create')) as { readonly id: string }
  await using console = await openPage(browser, server)
  const { page } = console
  await console.open(`/keys/default/${id}`)
  await console.logIn(firstToken(server))
  await page.getByRole('button', { name: 'Destroy…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox').fill(id)
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<undefined>()
  await page.route(`**/keys/${id}`, async (route) => {
    await mayAnswer
    await route.fulfill({
      status: 409,
      json: { error: { code: 'conflict', message: 'It is used.', requestId: 'r' } },
    })
  })
  const isAsked = page.waitForRequest((request) => request.method() === 'DELETE')
  await dialog.getByRole('button', { name: 'Destroy it' }).click()
  await isAsked
  const leave = dialog.getByRole('button', { name: 'Leave it' })
  assert.ok(await leave.isDisabled())
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press('Escape')
  answer(undefined)
  await dialog.getByText('It is used.').waitFor()
  await leave.click()
  await dialog.waitFor({ state: 'detached' })
})
