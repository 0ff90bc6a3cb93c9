// The audit log while it is followed: what the reader types stays, the order holds when the filters change, and nothing is missed
// between the first answer and those that follow it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { openConsole } from '../../support/clients/browser.ts'

const polled = (page: Page) =>
  page.waitForResponse((response) => response.url().includes('newerThan=') && response.ok())

test('a filter that is being typed stays while new entries come', async (t) => {
  const console = await openConsole(t, '/audit')
  if (!console) return
  const { page, server } = console
  await page.getByLabel('Follow').check()
  await polled(page)
  const field = page.getByLabel('Machine, key, client or token')
  await field.pressSequentially('fir')
  await server.json('key', 'create', '--name', 'other')
  await polled(page)
  await field.pressSequentially('st')
  assert.equal(await field.inputValue(), 'first')
  // The address can change without the field.
  await field.press('Enter')
  await page.waitForURL(/objectName=first/)
  await page.getByRole('navigation').getByRole('link', { name: 'Audit' }).click()
  await page.waitForFunction(`document.querySelector('[placeholder="its whole name"]').value === ''`)
})

test('new entries stand in the order of the log also after the filters changed', async (t) => {
  const console = await openConsole(t, '/audit')
  if (!console) return
  const { page, server } = console
  await page.getByLabel('Follow').check()
  await polled(page)
  // More than the first page of the list holds.
  const keys = 120
  for (let count = 0; count < keys; count++) await server.json('key', 'create')
  await page.getByLabel('What', { exact: true }).selectOption('key.create')
  await page
    .getByText('100 entries so far, newest first')
    .or(page.getByText(`${keys} entries so far`))
    .waitFor()
  await polled(page)
  const times = await page.evaluate<string[]>(
    `[...document.querySelectorAll('tbody time')].map((one) => one.dateTime)`,
  )
  assert.deepEqual(times, times.toSorted().toReversed())
})

test('an entry is shown that is made while the page asks where the log ends', async (t) => {
  const console = await openConsole(t, '/audit?action=key.create')
  if (!console) return
  const { page, server } = console
  await page.getByText('No entry fits.').waitFor()
  await page.route(/limit=1$/, async (route) => {
    await server.json('key', 'create')
    await route.continue()
  })
  await page.getByLabel('Follow').check()
  await polled(page)
  await page.getByText('One entry, newest first').waitFor()
})

test('a page that cannot follow says so', async (t) => {
  const console = await openConsole(t, '/audit?action=key.create')
  if (!console) return
  const { page } = console
  await page.getByText('No entry fits.').waitFor()
  await page.route(/limit=1$/, (route) => route.abort())
  await page.getByLabel('Follow').check()
  await page.getByText('the server does not answer').waitFor()
  await page.unroute(/limit=1$/)
  await page.getByRole('button', { name: 'Try again' }).click()
  await polled(page)
  await page.getByText('the server does not answer').waitFor({ state: 'detached' })
})

test('a log that grows quickly does not keep the session of somebody who is away', async (t) => {
  const console = await openConsole(t, '/audit?action=key.create')
  if (!console) return
  const { page } = console
  await page.getByLabel('Follow').check()
  await polled(page)
  const asked: (string | undefined)[] = []
  page.on('request', (request) => asked.push(request.headers()['mortise-background']))
  // As if more came than one answer holds.
  await page.route(
    /newerThan=/,
    async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, json: { ...(await response.json()), after: '1' } })
    },
    { times: 1 },
  )
  await page.waitForResponse(/limit=1$/)
  await page.waitForResponse(/action=key\.create$/)
  assert.deepEqual([...new Set(asked)], ['1'])
})
