// What is typed into a filter stays while the page asks for what fits.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openConsole } from '../../support/clients/browser.ts'

test('a letter that is typed just as the search begins stays', async (t) => {
  const console = await openConsole(t, '/keys')
  if (!console) return
  const { page } = console
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
  await page.waitForURL(/contains=payr$/)
  assert.equal(await search.inputValue(), 'payr')
  // Another address has its own text.
  await page.getByRole('navigation').getByRole('link', { name: 'Keys' }).click()
  await page.waitForFunction(`document.querySelector('input[type=search]').value === ''`)
})

test('the year of a time is typed with the keyboard', async (t) => {
  // A zone with local mean time in the years that the first digits make.
  const console = await openConsole(t, '/audit?since=2026-11-28T09:09:00.000Z', {
    timezoneId: 'Europe/Berlin',
  })
  if (!console) return
  const { page } = console
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

test('what is typed before the browser has drawn what was typed before stays', async (t) => {
  const console = await openConsole(t, '/audit?since=2026-11-28T09:09:00.000Z', { timezoneId: 'UTC' })
  if (!console) return
  const { page } = console
  await page.clock.install()
  await console.open('/audit?since=2026-11-28T09:09:00.000Z')
  const from = page.getByLabel('From', { exact: true })
  await from.focus()
  // No frame comes from here on.
  await page.clock.pauseAt(Date.now() + 60_000)
  for (const key of ['Tab', 'Tab', '2', '0', '2', '5', 'Backspace']) await page.keyboard.press(key)
  await page.waitForURL((url) => url.search === '')
  for (const digit of '2024') await page.keyboard.press(digit)
  await page.waitForURL(/since=2024-11-28T09%3A09/)

  const client = page.getByLabel('Done by the client')
  await client.focus()
  for (const key of ['v', 'Enter', 'c']) await page.keyboard.press(key)
  await page.waitForURL(/client=v(?:&|$)/)
  assert.equal(await client.inputValue(), 'vc')
})

test('a search that finds nothing in one instance leads to the others', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await server.json('instance', 'create', 'hamburg')
  await server.json('key', 'create', '--instance', 'hamburg', '--name', 'payroll')
  await console.open('/keys?instance=default&contains=payr')
  await page.getByText('No key of this instance fits.').waitFor()
  await page.getByRole('status').getByRole('link', { name: 'hamburg' }).click()
  await page.getByRole('rowheader').getByText('payroll').waitFor()
})
