// A server that takes a request and does not answer, or late: a page that looks by itself says so, a dialog is not left while what it was
// told to do is under way, and does not stay for ever; who logs out hears whether the server knows; and no proof, file or check
// counts for another one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstToken, openConsole } from '../../support/clients/browser.ts'
import { askToDestroy, refuseAsItCloses } from './destroy-dialog.ts'

test('the overview says that the server does not answer, and again that it does', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  await page.clock.install()
  await console.open('/')
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
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  const { id, dialog } = await askToDestroy(console)
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

test('a dialog that is closed just as the server refuses says so', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  const { dialog } = await askToDestroy(console)
  await refuseAsItCloses(page, { status: 409, code: 'conflict', message: 'It is used.' })
  await dialog.getByRole('button', { name: 'Destroy it' }).click()
  await dialog.getByText('It is used.').waitFor()
  await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))')
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  await dialog.waitFor({ state: 'detached' })
})

test('a dialog can be left once the server has not answered for a minute, and says what that means', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  await page.clock.install()
  const { id, dialog } = await askToDestroy(console)
  await page.route(`**/keys/${id}`, () => {})
  const isAsked = page.waitForRequest((request) => request.method() === 'DELETE')
  await dialog.getByRole('button', { name: 'Destroy it' }).click()
  await isAsked
  const leave = dialog.getByRole('button', { name: 'Leave it' })
  // The page's clock goes on between two steps, so that the first half leaves it half a minute.
  await page.clock.runFor(30_000)
  assert.ok(await leave.isDisabled())
  await page.clock.runFor(30_000)
  await dialog.getByText('the server does not answer').waitFor()
  await dialog.getByText('It may have done what you asked all the same').waitFor()
  await leave.click()
  await dialog.waitFor({ state: 'detached' })
})

test('who logs out while the server does not answer hears that the session may still count, and is out', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await page.clock.install()
  await console.open('/clients/blocked')
  await page.getByRole('heading', { name: 'Blocked certificates' }).waitFor()
  await page.route('**/api/v1/session', (route) =>
    route.request().method() === 'DELETE' ? undefined : route.continue(),
  )
  const isAsked = page.waitForRequest((request) => request.method() === 'DELETE')
  await page.getByRole('button', { name: 'Log out' }).click()
  await isAsked
  await page.clock.runFor(60_000)
  await page.getByRole('alert').getByText('The server did not say that the session is over').waitFor()
  await page.getByText('it ends once it has not been used for 30 minutes').waitFor()
  assert.equal(await page.getByText('The session is over.').count(), 0)
  assert.equal(await page.evaluate('sessionStorage.length'), 0)

  await page.unroute('**/api/v1/session')
  await console.logIn(firstToken(server))
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByText('The session is over.').waitFor()
})

test('a page that does not hear which instances there are says so, and goes on once it does', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const list = '**/api/v1/instances'
  await page.route(list, (route) => route.abort())
  await console.open('/keys')
  await page.getByRole('alert').getByText('the server does not answer').waitFor()
  await page.unroute(list)
  assert.equal(await page.getByText('Asking the server').count(), 0)
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('No key fits.').waitFor()
  await server.json('instance', 'delete', 'default')
  for (const path of ['/keys', '/clients', '/connect', '/settings/adoption']) {
    await console.open(path)
    await page.getByText('There is no instance.').waitFor()
    await page.getByText('Asking the server').first().waitFor({ state: 'detached' })
  }
})

test('an act that a proxy answered in place of the server may have been done, and the page says so', async (t) => {
  const console = await openConsole(t, '/settings/instances')
  if (!console) return
  const { page } = console
  await page.getByText('Create an instance').click()
  await page.getByLabel('Name', { exact: true }).fill('berlin')
  await page.route('**/api/v1/instances', async (route) => {
    if (route.request().method() === 'GET') return route.continue()
    await route.fetch()
    return route.fulfill({ status: 504, contentType: 'text/html', body: '<h1>Gateway Time-out</h1>' })
  })
  await page.getByRole('button', { name: 'Create it' }).click()
  await page.getByRole('alert').getByText('the server answered 504').waitFor()
  await page.getByText('It may have done what you asked all the same').waitFor()
})

test('a proof that ends when its reader has chosen another checkpoint is not shown as one of that', async (t) => {
  const console = await openConsole(t, '/audit/prove')
  if (!console) return
  const { page } = console
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<undefined>()
  await page.route('**/audit/export*', async (route) => {
    await mayAnswer
    await route.continue()
  })
  const button = page.getByRole('button', { name: 'Prove it' })
  await button.click()
  const checkpoint = page.getByLabel('The checkpoint that you kept')
  await checkpoint.fill('{}')
  answer(undefined)
  await page.locator('button:enabled').getByText('Prove it').waitFor()
  assert.equal(await page.getByText('What the proof says').count(), 0)
  await checkpoint.fill('')
  await page.getByText('What the proof says').waitFor()
})

test('of two files of checkpoints the one that was chosen last counts, whichever is read first', async (t) => {
  const console = await openConsole(t, '/audit/prove')
  if (!console) return
  const { page } = console
  await page.evaluate(`{
    const { text } = Blob.prototype
    const { promise: isRead, resolve } = Promise.withResolvers()
    Blob.prototype.text = async function () {
      const read = await text.call(this)
      if (this.name === 'slow') await isRead
      else setTimeout(resolve)
      return read
    }
  }`)
  const field = page.getByLabel('The checkpoint, as a file')
  for (const name of ['slow', 'quick'])
    await field.setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(name) })
  const checkpoint = page.getByLabel('The checkpoint that you kept')
  await page.waitForFunction(`document.querySelector('textarea').value !== ''`)
  await page.evaluate('new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve)))')
  assert.equal(await checkpoint.inputValue(), 'quick')
})

test('what a check before the switch found is not shown for other keys, nor beside why the next one failed', async (t) => {
  const console = await openConsole(t, '/settings/adoption')
  if (!console) return
  const { page, server } = console
  const { id } = (await server.json('key', 'create')) as { readonly id: string }
  const keys = page.getByLabel('Identifiers of keys that vCenter uses')
  const check = page.getByRole('button', { name: 'Check them' })
  const good = page.getByText('1 are here, 0 are missing')
  await keys.fill(id)
  await check.click()
  await good.waitFor()
  await keys.fill('another')
  await good.waitFor({ state: 'detached' })
  await keys.fill(id)
  await good.waitFor()
  await page.route('**/adoption-check', (route) => route.abort())
  await check.click()
  await page.getByRole('alert').waitFor()
  assert.equal(await good.count(), 0)
})

test('the warnings of a root key that an instance gets stay while its keys move', async (t) => {
  const console = await openConsole(t, '/settings/root-keys')
  if (!console) return
  const { page } = console
  let work: unknown = null
  await page.route(/\/api\/v1\/instances\/[^/]+(?:\/root-key)?$/, async (route) => {
    const response = await route.fetch()
    const shown = (await response.json()) as { readonly rootKey: string }
    if (route.request().method() === 'POST')
      work = { kind: 'move', from: shown, started: new Date(), done: 0, total: 9, trouble: null, node: null }
    await route.fulfill({ response, json: { ...shown, work, warnings: ['It can be deleted.'] } })
  })
  await page.getByText('Move to another root key').click()
  await page.getByLabel('Root key', { exact: true }).fill('file:second.key')
  await page.getByRole('button', { name: 'Move…' }).click()
  await page.getByRole('dialog').getByRole('textbox').fill('default')
  await page.getByRole('button', { name: 'Move them' }).click()
  await page.getByText('Its keys move to another root key').first().waitFor()
  await page.getByText('It can be deleted.').waitFor()
})
