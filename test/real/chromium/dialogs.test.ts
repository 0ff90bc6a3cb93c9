// Every dialog of the console, and every part that is folded up: axe finds nothing in light and dark, on a desktop, at 200 % and on a
// phone; all of a dialog can be reached; Escape leaves everything as it was.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { assertAccessible, assertFits, drawn } from './browser-checks.ts'
import { openConsole } from '../../support/clients/browser.ts'
import { fillForConsole } from './console-scene.ts'
import { type EmbeddedServer } from '../../support/server/server.ts'

const desktop = { width: 1280, height: 900 }
const sizes = [desktop, { width: 640, height: 400 }, { width: 400, height: 800 }] as const
const schemes = ['light', 'dark'] as const

async function assertForEveryone(page: Page, what: string): Promise<void> {
  for (const size of sizes)
    for (const colorScheme of schemes) {
      await page.setViewportSize(size)
      await page.emulateMedia({ colorScheme })
      const how = `${what}, ${colorScheme}, ${size.width} px`
      await assertAccessible(page, how)
      await assertFits(page, how)
    }
}

/** Each control of it can be scrolled to, and stands within the window then. */
async function assertReachable(page: Page, dialog: Locator, what: string): Promise<void> {
  for (const size of sizes) {
    await page.setViewportSize(size)
    for (const control of await dialog.getByRole('button').or(dialog.getByRole('textbox')).all()) {
      await control.scrollIntoViewIfNeeded()
      const box = await control.boundingBox()
      assert.ok(box && box.x >= 0 && box.y >= 0, what)
      assert.ok(box.x + box.width <= size.width && box.y + box.height <= size.height + 1, what)
    }
  }
}

async function openAndLeave(page: Page, opener: Locator): Promise<string> {
  await page.setViewportSize(desktop)
  await opener.click()
  const dialog = page.getByRole('dialog')
  await dialog.waitFor()
  await dialog.locator('[aria-busy=true]').first().waitFor({ state: 'detached' })
  const title = await dialog.getByRole('heading').first().innerText()
  await assertForEveryone(page, title)
  await assertReachable(page, dialog, title)
  const go = dialog.getByRole('button').last()
  if ((await dialog.getByRole('textbox').count()) > 0) {
    assert.ok(await go.isDisabled(), `${title}: without the name`)
    await dialog.getByRole('textbox').last().fill('another name')
    assert.ok(await go.isDisabled(), `${title}: with another name`)
  }
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  return title
}

/** Unfolds what is folded, and opens each dialog of a page; that of a move is there once its form is filled. */
async function look(
  page: Page,
  { admin }: Pick<EmbeddedServer, 'admin'>,
  where: string,
  seen: Set<string>,
): Promise<void> {
  await page.setViewportSize(desktop)
  await page.goto(admin + where)
  await drawn(page)
  const folded = page.locator('main details:not([open]) > summary')
  while ((await folded.count()) > 0) await folded.first().click()
  if ((await page.locator('main details').count()) > 0) await assertForEveryone(page, `${where}, unfolded`)
  if (where === '/settings/root-keys')
    await page.getByLabel('Root key', { exact: true }).first().fill('file:second.key')
  const openers = page.getByRole('main').getByRole('button', { name: /…$/, disabled: false })
  const names = await openers.allInnerTexts()
  for (const [index, name] of names.entries()) {
    if (seen.has(`${where} ${name}`)) continue
    seen.add(`${where} ${name}`)
    seen.add(await openAndLeave(page, openers.nth(index)))
  }
}

const titles = [
  'Block this certificate',
  'Bring this key back',
  'Deactivate this key',
  'Delete this instance',
  'Destroy this key',
  'Discard the next certificate',
  'Go back to the certificate before',
  'Move its keys to another root key',
  'Record that a copy of this root key is kept elsewhere',
  'Remove the block of this certificate',
  'Remove this client',
  'Revoke this token',
  'Switch to the next certificate',
  'Withdraw trust from this certificate',
]

test('every dialog is for everyone', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const places = await fillForConsole(server)
  const seen = new Set<string>()
  for (const where of places) await look(page, server, where, seen)
  await server.json('server-cert', 'activate')
  await look(page, server, '/settings/server-certificate', seen)
  assert.deepEqual(
    titles.filter((title) => !seen.has(title)),
    [],
  )
})
