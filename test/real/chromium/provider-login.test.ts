// People log in to the console through a real identity provider, in a browser: there and back, with no cookie and no address that tells;
// what goes wrong; a session that a manager ends on the page; names that are hostile.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { assertAccessible } from './browser-checks.ts'
import { openPage, startBrowser } from '../../support/clients/browser.ts'
import { freePort } from '../../support/server/free-port.ts'
import { clientSecret, writeConfig } from '../../support/oidc/write-config.ts'
import { startProvider } from '../../support/oidc/real-provider.ts'
import { startServer } from '../../support/server/server.ts'

const evilName = '<img src=x onerror="document.title=1">\u202eevil'

async function startBoth(more = '') {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-oidc-console-'))
  const port = await freePort()
  const provider = await startProvider({
    people: {
      anna: { preferred_username: 'anna', groups: ['managers'] },
      bert: { preferred_username: 'bert', groups: ['managers'] },
      emil: { preferred_username: 'emil', groups: [] },
      evil: { preferred_username: evilName, groups: ['operators'] },
    },
    clients: [
      {
        client_id: 'mortise',
        client_secret: clientSecret,
        redirect_uris: [`https://127.0.0.1:${port}/login/callback`],
      },
    ],
  })
  const config = writeConfig(folder, provider, ['managers=manager', 'operators=operator'], '', more)
  const server = await startServer({ args: ['--config', config, '--admin', `127.0.0.1:${port}`] })
  return {
    provider,
    server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await provider[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

const fonts = 'https://fonts.googleapis.com/'

/** The pages of the provider name fonts, which nobody loads here. */
async function openConsole(browser: Browser, { server, provider }: Awaited<ReturnType<typeof startBoth>>) {
  const opened = await openPage(browser, server, { elsewhere: [`${provider.issuer}/`, fonts] })
  await opened.page.route(`${fonts}**`, (route) => route.abort())
  return opened
}

/** From the button to where the provider sends the browser back. */
async function logInAs(page: Page, login: string): Promise<void> {
  await page.getByRole('button', { name: 'Log in with Example' }).click()
  await page
    .locator('input[name=login]')
    .or(page.getByRole('button', { name: 'Continue' }))
    .first()
    .waitFor()
  if ((await page.locator('input[name=login]').count()) > 0) {
    await page.locator('input[name=login]').fill(login)
    await page.locator('input[name=password]').fill('anything')
    await page.getByRole('button', { name: 'Sign-in' }).click()
  }
  await page.getByRole('button', { name: 'Continue' }).click()
}

test('a person goes to the provider and comes back to the page where they were, and logs out', async (t) => {
  await using both = await startBoth()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openConsole(browser, both)
  const { page } = console
  await console.open('/audit?action=session.begin')
  await page.getByRole('button', { name: 'Log in with Example' }).waitFor()
  await assertAccessible(page, 'the log-in with a provider')
  await logInAs(page, 'anna')
  await page.getByRole('heading', { name: 'Audit' }).waitFor()
  assert.equal(page.url(), `${both.server.admin}/audit?action=session.begin`)
  await page.getByText('anna, manager').waitFor()
  const cookies = (await page.context().cookies(both.server.admin)).filter(
    ({ name }) => !/^_(?:session|interaction)/.test(name),
  )
  assert.deepEqual(cookies, [], 'no cookie of ours')
  assert.deepEqual(await page.evaluate('Object.keys(sessionStorage)'), ['mortise-session'])
  await page.getByRole('button', { name: 'Log out' }).click()
  const there = page.getByRole('link', { name: 'log out there too' })
  assert.match((await there.getAttribute('href')) ?? '', new RegExp(`^${both.provider.issuer}/session/end`))
  await page.reload()
  await page.getByRole('button', { name: 'Log in with Example' }).waitFor()
})

test("an address of somebody else's login logs nobody in, and the address is cleared", async (t) => {
  await using both = await startBoth()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openConsole(browser, both)
  const { page } = console
  await console.open('/login/callback?code=stolen&state=other')
  await page.getByRole('alert').getByText('this login was not begun here').waitFor()
  assert.equal(page.url(), `${both.server.admin}/`)
  assert.equal(await page.evaluate('sessionStorage.length'), 0)
  await logInAs(page, 'emil')
  await page.getByRole('alert').getByText('emil may do nothing here').waitFor()
})

test('a manager sees who is logged in, hostile names too, and ends a session with the next request', async (t) => {
  await using both = await startBoth()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using evil = await openConsole(browser, both)
  await evil.open('/keys')
  await logInAs(evil.page, 'evil')
  await evil.page.getByRole('heading', { name: 'Keys' }).waitFor()
  await using manager = await openConsole(browser, both)
  const { page } = manager
  await manager.open('/settings/sessions')
  await logInAs(page, 'anna')
  await page.getByText('(this session)').waitFor()
  await page.getByText('<img src=x').first().waitFor()
  assert.ok(!(await page.getByRole('table').innerText()).includes('\u202e'))
  await assertAccessible(page, 'people')
  await page
    .getByRole('row', { name: /img/ })
    .getByRole('button', { name: /End the session/ })
    .click()
  const end = page.getByRole('button', { name: 'End it' })
  await end.waitFor()
  await assertAccessible(page, 'ending a session')
  await end.click()
  await page.getByRole('row', { name: /img/ }).waitFor({ state: 'detached' })
  const isOver = evil.page.getByText('The session is over.')
  // By the next request: the click, unless the page has asked by itself just then.
  await evil.page
    .getByRole('navigation')
    .getByRole('link', { name: 'Clients', exact: true })
    .or(isOver)
    .click()
  await isOver.waitFor()
  await evil.page.getByText('what was typed into this page and not sent is lost').waitFor()
})

test('while the provider is down the page says so, and a token lets in', async (t) => {
  await using both = await startBoth()
  await using browser = await startBrowser(t)
  if (!browser) return
  await using console = await openConsole(browser, both)
  const { page } = console
  await both.provider.kill()
  await console.open('/')
  await page.getByRole('button', { name: 'Log in with Example' }).click()
  await page.getByRole('alert').getByText('cannot be reached: nothing listens there').waitFor()
})

test('one person asks for what needs two, and another one approves it', async (t) => {
  await using both = await startBoth('[approval]\nfor = ["backup create"]\n[backup]\ndelaySeconds = 3600\n')
  await using browser = await startBrowser(t)
  if (!browser) return
  await using asking = await openConsole(browser, both)
  await asking.open('/settings/backups')
  await logInAs(asking.page, 'anna')
  await asking.page.getByText('This needs a second person').waitFor()
  await asking.page.getByRole('button', { name: 'Make a backup now' }).click()
  await asking.page.getByText('Nothing was done yet').waitFor()
  await asking.page
    .getByText('Who can approve it: other people who log in from the groups managers.')
    .waitFor()
  await asking.open('/settings/approvals')
  await asking.page.getByText('You cannot approve it: anna asked for it').waitFor()
  await using deciding = await openConsole(browser, both)
  const { page } = deciding
  await deciding.open('/settings/approvals')
  await logInAs(page, 'bert')
  await page.getByText(`logged in as ${both.provider.issuer}#anna`).waitFor()
  await assertAccessible(page, 'a request of a person')
  await page.getByRole('button', { name: 'Approve…' }).click()
  await page.getByRole('button', { name: 'Approve it' }).click()
  await page.getByText('approved, and done').waitFor()
  const row = page.getByRole('row', { name: /backup create/ })
  assert.match(await row.innerText(), /anna[^]*bert/)
})
