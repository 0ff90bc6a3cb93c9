// More keys and entries than pages of the API hold: searched to the end, paged, saved whole and proved; and long work goes on when
// its page is closed. bench/console.ts measures the same with 100,000.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { firstToken, openPage, startBrowser } from '../../support/clients/browser.ts'
import { machineName, makeManyKeys } from '../../support/server/many-keys.ts'
import { startServer } from '../../support/server/server.ts'

/** The first 20,000 objects are looked at for the first page of a search, so the oldest keys are found by the second. */
const keys = 21_000

async function saved(page: Page, button: string): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 120_000 }),
    page.getByRole('button', { name: button }).click(),
  ])
  return readFileSync(await download.path(), 'utf8')
}

test('among 21,000 keys and entries one is found, all are saved and proved, and a move goes on without its page', async (t) => {
  await using server = await startServer()
  await using browser = await startBrowser(t)
  if (!browser) return
  await makeManyKeys(server, await server.issue('vcenter'), keys)
  await using console = await openPage(browser, server)
  const { page } = console
  page.setDefaultTimeout(120_000)
  await console.open('/keys')
  await console.logIn(firstToken(server))
  await page.getByText('100 keys so far, of 21,000, newest first').waitFor()
  await page.getByRole('button', { name: 'Show more' }).click()
  await page.getByText('200 keys so far, of 21,000, newest first').waitFor()
  const search = page.getByLabel('Machine, name or identifier')
  await search.fill(machineName(5).toUpperCase())
  await page.getByRole('link', { name: machineName(5) }).waitFor()
  await page.getByText('One key, newest first').waitFor()
  await search.fill('no-such-machine')
  await page.getByText('No key fits.').waitFor()

  await console.open('/audit?action=key.create')
  await page.getByText('100 entries so far, newest first').waitFor()
  const csv = await saved(page, 'Save these as CSV')
  assert.equal(csv.trimEnd().split('\r\n').length, keys + 1, 'a head, and each key that was created')
  const json = JSON.parse(await saved(page, 'Save these as JSON')) as readonly { readonly action: string }[]
  assert.deepEqual([json.length, json.at(-1)?.action], [keys, 'key.create'])
  const log = await saved(page, 'Save the whole log, to be proved')
  const checkpoint = log.split('\n').findLast((line) => line.startsWith('{"checkpoint"')) ?? ''
  await page.getByRole('link', { name: 'Prove that it was not changed' }).click()
  await page.getByLabel('The checkpoint that you kept').fill(checkpoint)
  await page.getByRole('button', { name: 'Prove it' }).click()
  await page.getByText('and continues the checkpoint that you kept').waitFor()

  await console.open('/settings/root-keys')
  await page.getByText('Move to another root key').click()
  await page.getByLabel('Root key').fill('file:second.key')
  await page.getByRole('button', { name: 'Move…' }).click()
  await page.getByLabel('Type default to go on').fill('default')
  await page.getByRole('button', { name: 'Move them' }).click()
  await page.getByText('You can close this page: the server goes on.').waitFor()
  await page.close()
  await using later = await openPage(browser, server)
  later.page.setDefaultTimeout(120_000)
  await later.open('/settings/root-keys')
  await later.logIn(firstToken(server))
  await later.page.getByText('file:second.key').first().waitFor()
  await later.page.getByText('You can close this page').waitFor({ state: 'detached' })
  const shown = (await server.json('instance', 'show', 'default')) as { readonly work: unknown }
  assert.equal(shown.work, null)
})
