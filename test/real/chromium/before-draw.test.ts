// A busy browser draws late. What a reader does and hears before it has drawn counts as it does afterwards.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { firstToken, openConsole } from '../../support/clients/browser.ts'
import { askToDestroy, refuseAsItCloses } from './destroy-dialog.ts'

/** No frame comes from here on, and time stands still. */
async function stopDrawing(page: Page): Promise<void> {
  await page.clock.pauseAt(Date.now() + 60_000)
}

test('a search for letters that are gone again does not begin', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  await page.clock.install()
  await console.open('/keys?contains=a')
  const search = page.getByLabel('Machine, name or identifier')
  await search.focus()
  await stopDrawing(page)
  await page.evaluate('window.requestAnimationFrame = () => 0')
  await page.keyboard.press('End')
  await page.keyboard.press('b')
  // The search comes 300 ms after its letter, or what tells the page that nothing is drawn.
  await page.clock.runFor(299)
  await page.keyboard.press('Backspace')
  await page.clock.runFor(1_000)
  assert.equal(await search.inputValue(), 'a')
  assert.equal(new URL(page.url()).search, '?contains=a')

  await page.getByRole('navigation').getByRole('link', { name: 'Keys' }).click()
  await search.focus()
  await page.keyboard.press('b')
  assert.equal(await search.inputValue(), 'b')
})

test('what belongs to one instance does not stand under the name of another one', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await server.json('instance', 'create', 'berlin')
  await server.json('key', 'create', '--instance', 'default', '--name', 'payroll')
  await page.clock.install()
  await console.open('/keys?instance=default')
  await page.getByRole('rowheader').getByText('payroll').waitFor()
  await stopDrawing(page)
  await page.getByLabel('Instance').selectOption('berlin')
  assert.equal(await page.getByRole('rowheader').count(), 0)
})

test('who is in a field of a new page already stays there', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page } = console
  await page.clock.install()
  await console.open('/')
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  await page.clock.runFor(1_000)
  await stopDrawing(page)
  await page.getByRole('navigation').getByRole('link', { name: 'Keys' }).click()
  const search = page.getByLabel('Machine, name or identifier')
  await search.focus()
  await page.clock.runFor(100)
  assert.ok(await search.evaluate('document.activeElement?.type === "search"'))
})

test('who logs out just as the page hears who they are leaves nothing behind', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  await page.clock.install()
  await console.open('/settings/instances')
  await page.getByText('Create an instance').click()
  await page.getByLabel('Name', { exact: true }).fill('berlin')
  // Both answers come before the browser draws.
  await page.evaluate(`{
    const { fetch } = window
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers()
    window.fetch = async (url, options) => {
      const answered = await fetch(url, options)
      if (!url.endsWith('/session')) return answered
      const said = await answered.json()
      answered.json = () => Promise.resolve(said)
      if (options.method === 'GET') await mayAnswer
      else {
        answer()
        await scheduler.yield()
      }
      return answered
    }
  }`)
  const isAsked = page.waitForResponse((response) => response.url().endsWith('/session'))
  await page.clock.fastForward(31_000)
  await isAsked
  await stopDrawing(page)
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByText('The session is over.').waitFor()
  await page.clock.resume()
  await console.logIn(firstToken(server))
  await page.getByText('Create an instance').click()
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), '')
})

test('a dialog that is closed just as the session ends does not keep its reader from the log-in', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const { dialog } = await askToDestroy(console)
  await refuseAsItCloses(page, { status: 401, code: 'unauthenticated', message: 'It is over.' })
  await dialog.getByRole('button', { name: 'Destroy it' }).click()
  await page.getByText('It had ended before what you did last, which was not done.').waitFor()
  await console.logIn(firstToken(server))
  await dialog.getByText('The session had ended, so this was not done.').waitFor()
  await dialog.getByRole('button', { name: 'Leave it' }).click()
  await dialog.waitFor({ state: 'detached' })
})

test('a dialog whose act was done just as the session ends does not ask for it again', async (t) => {
  const console = await openConsole(t)
  if (!console) return
  const { page, server } = console
  const { dialog } = await askToDestroy(console)
  // The session ends after the answer and before the next frame, with which the browser tells of a closed dialog.
  await page.evaluate(`{
    const { fetch } = window
    window.fetch = async (url, options) => {
      const answer = await fetch(url, options)
      if (options?.method !== 'DELETE') return answer
      const text = await answer.text()
      window.fetch = () => {
        window.fetch = fetch
        const refusal = new Response(null, { status: 401 })
        const error = { code: 'unauthenticated', message: 'It is over.', requestId: 'r' }
        refusal.json = () => Promise.resolve({ error })
        return Promise.resolve(refusal)
      }
      const done = new Response(null)
      done.json = () => Promise.resolve(JSON.parse(text))
      return done
    }
  }`)
  await dialog.getByRole('button', { name: 'Destroy it' }).click()
  await page.getByText('The session is over.').waitFor()
  await console.logIn(firstToken(server))
  await page.getByText('Destroyed', { exact: true }).first().waitFor()
  assert.equal(await page.getByRole('button', { name: 'Destroy it' }).count(), 0)
})
