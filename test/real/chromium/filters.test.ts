// What is typed into a filter stays while the page asks for what fits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstToken, openPage, startBrowser } from '../../support/browser.ts'
import { startEmbedded } from '../../support/server.ts'

test('a letter that is typed just as the search begins stays', async (t) => {
  await using server = await startEmbedded()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, server)
  const { page } = console
  await console.open('/keys')
  await console.logIn(firstToken(server))
  await page.getByText('No key fits.').waitFor()
  // A key is pressed when the address has changed, before the page has done what follows from that.
  await page.evaluate(`{
    const { replaceState } = history
    history.replaceState = function (...args) {
      history.replaceState = replaceState
      replaceState.apply(this, args)
      queueMicrotask(() => document.execCommand('insertText', false, 'r'))
    }
  }`)
  const search = page.getByLabel('Machine, name or identifier')
  await search.pressSequentially('pay')
  await page.waitForURL(/contains=payr$/, { timeout: 10_000 })
  assert.equal(await search.inputValue(), 'payr')
  // Another address has its own text.
  await page.getByRole('navigation').getByRole('link', { name: 'Keys' }).click()
  await page.waitForFunction(`document.querySelector('input[type=search]').value === ''`)
})

test('the year of a time is typed with the keyboard', async (t) => {
  await using server = await startEmbedded()
  await using browser = await startBrowser(t)
  if (!browser) return
  // A zone with local mean time in the years that the first digits make.
  await using console = await openPage(browser, server, { timezoneId: 'Europe/Berlin' })
  const { page } = console
  await console.open('/audit?since=2026-11-28T09:09:00.000Z')
  await console.logIn(firstToken(server))
  const from = page.getByLabel('From', { exact: true })
  await from.focus()
  // From the month to the year.
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  for (const digit of '2025') await page.keyboard.press(digit)
  await page.waitForURL(/since=2025-11-28T09%3A09/)
  assert.equal(await from.inputValue(), '2025-11-28T10:09')
  await page.keyboard.press('Backspace')
  await page.waitForURL((url) => url.search === '')
  for (const digit of '2024') await page.keyboard.press(digit)
  await page.waitForURL(/since=2024-11-28T09%3A09/)
  await page.getByRole('navigation').getByRole('link', { name: 'Audit' }).click()
  await page.waitForFunction(`document.querySelector('input[type=datetime-local]').value === ''`)
})

test('a search that finds nothing in one instance leads to the others', async (t) => {
  await using server = await startEmbedded()
  await server.json('instance', 'create', 'hamburg')
  await server.json('key', 'create', '--instance', 'hamburg', '--name', 'payroll')
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, server)
  const { page } = console
  await console.open('/keys?instance=default&contains=payr')
  await console.logIn(firstToken(server))
  await page.getByText('No key of this instance fits.').waitFor()
  await page.getByRole('status').getByRole('link', { name: 'hamburg' }).click()
  await page.getByRole('rowheader').getByText('payroll').waitFor()
})
