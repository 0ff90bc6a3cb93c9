// The dialog of the console that asks before a key is destroyed: opened by a test that says what comes of it.

import type { Locator, Page } from 'playwright-core'
import type { Console } from '../../support/clients/browser.ts'

/** A new key, at whose page the dialog is open and has the identifier typed. */
export async function askToDestroy({
  page,
  server,
  open,
}: Pick<Console, 'page' | 'server' | 'open'>): Promise<{ readonly id: string; readonly dialog: Locator }> {
  const { id } = (await server.json('key', 'create')) as { readonly id: string }
  await open(`/keys/default/${id}`)
  await page.getByRole('button', { name: 'Destroy…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('textbox').fill(id)
  return { id, dialog }
}

/** The next DELETE is refused, and the dialog closed in the same task: the browser tells of that with its next frame. */
export async function refuseAsItCloses(
  page: Page,
  { status, code, message }: { readonly status: number; readonly code: string; readonly message: string },
): Promise<void> {
  const error = { code, message, requestId: 'r' }
  await page.evaluate(`{
    const { fetch } = window
    window.fetch = (url, options) => {
      if (options?.method !== 'DELETE') return fetch(url, options)
      window.fetch = fetch
      const refusal = new Response(null, { status: ${status} })
      refusal.json = () => {
        document.querySelector('dialog').close()
        return Promise.resolve(${JSON.stringify({ error })})
      }
      return Promise.resolve(refusal)
    }
  }`)
}
