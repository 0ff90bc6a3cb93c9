// What holds on every page of the console: axe finds nothing, nothing is cut off, and nothing scrolls sideways.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** Waits until a page of somebody who is logged in has all that it asks for. */
export async function drawn(page: Page): Promise<void> {
  await page.getByRole('navigation').waitFor()
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.locator('main [aria-busy=true]:not(button)').first().waitFor({ state: 'detached' })
}

/** Judges the page as it is drawn now. */
export async function assertAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(axeSource)
  const found = await page.evaluate(`axe.run(document, {
    runOnly: { type: 'tag', values: ${JSON.stringify(rules)} }, resultTypes: ['violations'],
  }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target, failureSummary }) =>
    target.join(' ') + ' ' + failureSummary).join(' | ')))`)
  assert.deepEqual(found, [], what)
}

/** The page itself does not scroll sideways, and no control stands outside of what can be seen or scrolled to. */
export async function assertFits(page: Page, what: string): Promise<void> {
  const found = await page.evaluate(`(() => {
    const root = document.documentElement
    const wide = root.scrollWidth > root.clientWidth ? ['page ' + root.scrollWidth + ' > ' + root.clientWidth] : []
    const cut = [...document.querySelectorAll('main :is(a, button, input, select, textarea, h1, h2, p, dd)')]
      .filter((one) => !one.closest('.wide, .skip'))
      .filter((one) => one.getBoundingClientRect().right > root.clientWidth + 1)
      .map((one) => one.tagName + ' ' + one.textContent.slice(0, 60))
    const tables = root.clientWidth < 640
      ? [...document.querySelectorAll('.wide')].filter((one) => one.scrollWidth > one.clientWidth).map(() => 'table')
      : []
    const heads = root.clientWidth < 640
      ? [...document.querySelectorAll('thead')].map((one) => one.getBoundingClientRect())
        .filter(({ right, width }) => right > 0 && width > 1).map(() => 'the head of a table covers its cards')
      : []
    return [...wide, ...cut, ...tables, ...heads]
  })()`)
  assert.deepEqual(found, [], what)
}

/** What has the focus and does not show it; empty: it shows. */
const focusShown = `(() => {
  const one = document.activeElement
  if (one === document.body) return ''
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one)
  const shows = (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none'
  return shows ? '' : one.outerHTML.slice(0, 200)
})()`

/** Moves by the Tab key alone, until the element with this role and name has the focus. Whatever has it on the way shows that. */
export async function tabTo(page: Page, role: Parameters<Page['getByRole']>[0], name: string | RegExp) {
  const wanted = page.getByRole(role, { name, exact: true }).first()
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(focusShown), '', 'what has the focus shows it')
    if (await wanted.evaluate((one) => one === one.ownerDocument.activeElement)) return
  }
  assert.fail(`the Tab key does not reach ${String(name)}`)
}
