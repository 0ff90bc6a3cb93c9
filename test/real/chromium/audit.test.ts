// The audit in a browser: filtered, followed, saved, and proved, also when it was changed or is long.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible } from './browser-checks.ts'
import { openConsole } from '../../support/clients/browser.ts'

async function saved(page: Page, button: string): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ])
  return readFileSync(await download.path(), 'utf8')
}

async function prove(page: Page, log: string, checkpoint = ''): Promise<void> {
  await page
    .getByLabel('The exported log')
    .setInputFiles({ name: 'audit.jsonl', mimeType: 'application/x-ndjson', buffer: Buffer.from(log) })
  await page.getByLabel('The checkpoint that you kept').fill(checkpoint)
  await page.getByRole('button', { name: 'Prove it' }).click()
}

test('an audit is filtered, followed, saved and proved', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await server.json('key', 'create', '--name', 'first')
  await console.open('/audit?action=key.create')
  await page.getByText('1 entries, newest first').or(page.getByText('One entry, newest first')).waitFor()
  await page.evaluate("document.querySelector('table').setAttribute('data-stays', '')")
  // What is newer is asked for, and not the whole log each time.
  const isFollowed = page.waitForRequest((request) => request.url().includes('newerThan='))
  await page.getByLabel('Follow').check()
  await isFollowed
  await server.json('key', 'create', '--name', 'second')
  await page.getByText('2 entries, newest first').waitFor()
  assert.equal(
    await page.locator('table[data-stays]').count(),
    1,
    'the list stays while it is asked for again',
  )
  await page.getByLabel('Follow').uncheck()
  const csv = await saved(page, 'Save these as CSV')
  assert.equal(csv.trim().split('\r\n').length, 3)
  assert.match(csv, /^\uFEFFat,action,result,/)

  const log = await saved(page, 'Save the whole log, to be proved')
  await server.stop()
  await page.getByRole('link', { name: 'Prove that it was not changed' }).click()
  const lines = log.trimEnd().split('\n')
  const checkpoint = lines.findLast((line) => line.startsWith('{"checkpoint"')) ?? ''
  await prove(page, log, checkpoint)
  await page.getByText('and continues the checkpoint that you kept').waitFor()
  await assertAccessible(page, 'a proof')
  await page.getByLabel('The checkpoint that you kept').fill('')
  assert.equal(await page.getByText('The log is whole').count(), 0, 'what was proved was not this')
  await prove(page, log)
  await page.getByText('Without a checkpoint of your own').waitFor()
  const changed = lines.toSpliced(-3, 1, (lines.at(-3) ?? '').replace('success', 'refused'))
  await prove(page, changed.join('\n'), checkpoint)
  await page.getByText('This log was tampered with').waitFor()
  await page.getByText('was changed, or the one before it was replaced').first().waitFor()
  await prove(page, 'no log')
  await page.getByRole('alert').getByText('is not JSON').waitFor()
})

test('a file of the audit is saved although the filters change meanwhile', async (t) => {
  const console = await openConsole(t, '/audit')
  if (!console) return
  const { page, server } = console
  await server.json('key', 'create', '--name', 'first')
  const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<undefined>()
  await page.route(/limit=1000/, async (route) => {
    await mayAnswer
    await route.continue()
  })
  const saving = saved(page, 'Save these as CSV')
  await page.getByText('Stay on this page until the file is saved.').waitFor()
  await page.getByLabel('What').selectOption('key.create')
  await page.getByText('One entry, newest first').waitFor()
  answer(undefined)
  assert.match(await saving, /instance\.create/)
})
