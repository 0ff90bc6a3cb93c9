// Two people at the console: one asks for what needs a second person, the other looks at it, refuses, and approves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAccessible, assertFits, drawn } from './browser-checks.ts'
import { openPage, startBrowser } from '../../support/clients/browser.ts'
import { startEmbedded, type EmbeddedServer } from '../../support/server/server.ts'

async function tokenOf(server: EmbeddedServer, owner: string): Promise<string> {
  const made = await server.json('token', 'create', '--role', 'manager', '--owner', owner, '--name', owner)
  return (made as { readonly token: string }).token
}

test('one asks, the other refuses and then approves', async (t) => {
  // The server makes no backup of its own within the test, which counts them.
  const env = { MORTISE_APPROVAL_FOR: 'backup create,key destroy', MORTISE_BACKUP_DELAY_SECONDS: '3600' }
  await using server = await startEmbedded({ env })
  const [alice, bob] = [await tokenOf(server, 'alice'), await tokenOf(server, 'bob')]
  const { id: key } = (await server.json('key', 'create', '--name', 'payroll')) as { readonly id: string }
  await using browser = await startBrowser(t)
  if (!browser) return
  await using asking = await openPage(browser, server)
  await using deciding = await openPage(browser, server)
  for (const [console, token] of [
    [asking, alice],
    [deciding, bob],
  ] as const) {
    await console.open('/')
    await console.logIn(token)
    await console.page.getByRole('heading', { name: 'Overview' }).waitFor()
  }
  const [here, there] = [asking.page, deciding.page]

  await asking.open(`/keys/default/${key}`)
  await here.getByRole('button', { name: 'Destroy…' }).click()
  const dialog = here.getByRole('dialog')
  await dialog.getByText('This needs a second person').waitFor()
  await dialog.getByRole('textbox').fill('payroll')
  await dialog.getByRole('button', { name: 'Destroy it' }).click()
  await dialog.getByRole('status').getByText('Nothing was done yet').waitFor()
  await dialog.getByText('Who can approve it: bob.').waitFor()
  for (const colorScheme of ['light', 'dark'] as const) {
    await here.emulateMedia({ colorScheme })
    await assertAccessible(here, `a dialog whose act waits, ${colorScheme}`)
  }

  await asking.open('/settings/approvals')
  await here.getByText('You cannot approve it').waitFor()
  assert.equal(await here.getByRole('button', { name: 'Approve…' }).count(), 0)

  await deciding.open('/')
  await there.getByText('which waits for a second person').waitFor()
  await there.getByRole('link', { name: 'Approve or refuse it' }).click()
  await there.getByRole('button', { name: 'Refuse…' }).click()
  await there.getByRole('dialog').getByLabel('Why').fill('a machine needs it')
  for (const colorScheme of ['light', 'dark'] as const) {
    await there.emulateMedia({ colorScheme })
    await assertAccessible(there, `the dialog of a refusal, ${colorScheme}`)
  }
  await there.getByRole('button', { name: 'Refuse it' }).click()
  await there.getByText('refused: a machine needs it').waitFor()

  await asking.open('/settings/backups')
  await here.getByText('This needs a second person').waitFor()
  await here.getByRole('button', { name: 'Make a backup now' }).click()
  await here.getByText('Nothing was done yet').waitFor()
  await deciding.open('/settings/approvals')
  await drawn(there)
  for (const width of [400, 640, 1280]) {
    await there.setViewportSize({ width, height: 900 })
    await assertFits(there, `the page Approvals, ${width} px`)
  }
  await there.getByRole('button', { name: 'Approve…' }).click()
  await there.getByRole('button', { name: 'Approve it' }).click()
  await there.getByText('approved, and done').waitFor()
  assert.equal(((await server.json('backup', 'list')) as readonly unknown[]).length, 1)
})
