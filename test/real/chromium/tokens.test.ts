// Tokens that are wrong, expired, revoked, a viewer's or of one instance; and a server that goes away and returns.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { assertAccessible } from './browser-checks.ts'
import { firstToken, openConsole, openPage, startBrowser } from '../../support/clients/browser.ts'
import { freePort } from '../../support/server/free-port.ts'
import { startServer, type EmbeddedServer } from '../../support/server/server.ts'

interface Made {
  readonly id: string
  readonly token: string
}

async function makeToken(server: EmbeddedServer, ...args: string[]): Promise<Made> {
  return (await server.json('token', 'create', ...args)) as Made
}

test('a viewer is offered nothing to change, and a revoked token ends its session', async (t) => {
  await using server = await startServer()
  await server.json('instance', 'create', 'other')
  const hidden = ['--instance', 'default', '--name', 'hidden-key'] as const
  const { id } = (await server.json('key', 'create', ...hidden)) as { readonly id: string }
  await server.issue('hidden-vcenter')
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openPage(browser, server)
  const { page } = console
  const viewer = await makeToken(server, '--role', 'viewer', '--instance', 'other', '--name', 'eve')
  await console.open('/')
  await assertAccessible(page, 'the log-in')
  await console.logIn('not-a-token')
  await page.getByRole('alert').getByText('a valid token is needed').waitFor()
  await assertAccessible(page, 'a wrong token')
  await console.logIn(viewer.token)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Backups' }).count(), 0)
  for (const where of [
    '/',
    '/keys',
    '/keys?instance=default',
    '/clients?instance=default',
    '/audit',
    '/audit?instance=default',
    '/connect',
    `/keys/default/${id}`,
    '/clients/default/hidden-vcenter',
    '/clients/blocked',
    '/settings',
    '/settings/instances',
    '/settings/instances/default',
    '/settings/root-keys',
    '/settings/server-certificate',
    '/settings/tokens',
    '/settings/approvals',
    '/settings/backups',
    '/settings/adoption?instance=default',
  ]) {
    await console.open(where)
    await page.getByRole('heading', { level: 1 }).first().waitFor()
    await page.waitForLoadState('networkidle')
    const shown = await page.content()
    for (const one of ['hidden-key', id, 'CN=hidden-vcenter'])
      assert.ok(!shown.includes(one), `${where} shows ${one}`)
    const acts =
      /trust|destroy|create|revoke|remove|block|delete|save the settings|move|make|switch|name it|whole log|approve|refuse|take it back/i
    assert.deepEqual(await page.getByRole('button', { name: acts }).allInnerTexts(), [], where)
  }
  const refused = await page.evaluate(`fetch('/api/v1/instances/other/keys', { method: 'POST', body: '{}',
    headers: { 'Content-Type': 'application/json', Authorization: 'Bearer ' + sessionStorage.getItem('mortise-session') } })
    .then(({ status }) => status)`)
  assert.equal(refused, 403)
  await server.json('token', 'revoke', viewer.id)
  await console.open('/keys')
  await page.getByRole('button', { name: 'Log in' }).waitFor()
})

test('a server that goes away is said to be away, and the page goes on by itself when it returns', async (t) => {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-console-'))
  try {
    await using browser = await startBrowser(t)
    if (!browser) return
    const args = ['--admin', `127.0.0.1:${await freePort()}`]
    const first = await startServer({ data, args })
    await using console = await openPage(browser, first)
    const { page } = console
    await console.open('/')
    await console.logIn(firstToken(first))
    await page.getByText('What needs attention').or(page.getByText('All is well')).first().waitFor()
    await using acting = await openPage(browser, first)
    await acting.open('/settings/tokens')
    await acting.logIn(firstToken(first))
    await acting.page.getByText('Create a token').click()
    await first.stop()
    await page.getByRole('alert').getByText('the server does not answer').waitFor()
    await page.getByText('This page tries again by itself').waitFor()
    await acting.page.getByRole('button', { name: 'Create it' }).click()
    await acting.page.getByText('look before you ask again').waitFor()
    await using _again = await startServer({ data, args })
    await page.getByRole('alert').waitFor({ state: 'detached' })
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
})

test('a token that takes the place of one that was copied is not said to be copied', async (t) => {
  const console = await openConsole(t, '/settings/tokens')
  if (!console) return
  const { page } = console
  await page.evaluate(`navigator.clipboard.writeText = () => Promise.resolve()`)
  await page.getByText('Create a token').click()
  const make = async (name: string): Promise<void> => {
    await page.getByLabel('Name', { exact: true }).fill(name)
    await page.getByRole('button', { name: 'Create it' }).click()
    await page.getByText(`The text of ${name}`).waitFor()
  }
  await make('first')
  await page.getByRole('button', { name: 'Copy the token' }).click()
  const said = page.getByText('Copied')
  await said.waitFor()
  await make('second')
  assert.equal(await said.count(), 0)
  await page.getByRole('button', { name: 'Copy the token' }).click()
  await said.waitFor()
})
