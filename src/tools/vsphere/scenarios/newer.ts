// Scenarios that newer releases add: one wrapping key for a whole provider (9.0, presumed: documented, never recorded), and keys
// that other products create through vCenter, with notes of their own (since 8.0.1).

import { attempt, type Scenario } from '../scenario.ts'
import { fetchAgain, fetchAndActivate, newKey, noteProduct } from '../sequences.ts'
import type { Site } from '../site.ts'
import type { Note } from '../vcenter-session.ts'

/** vCenter replaces its wrapping key from time to time. The server must still hand out the former ones: this makes two keys and fetches both again. */
async function wrap(site: Site): Promise<void> {
  await attempt(async () => {
    const keys: string[] = []
    for (let rotation = 0; rotation < 2; rotation++) {
      const key = await newKey(site, 'wrapping key', 'wrapping')
      await fetchAndActivate(site, key)
      await noteProduct(site, key)
      keys.push(key)
    }
    await fetchAgain(site, keys)
  })
}

/** Any name and any text: blanks, other scripts, and the longest values that vCenter's dialog accepts. */
const foreignNotes: readonly Note[] = [
  ['x-Backup Appliance Name', 'Backup & Restore (site 1)'],
  ['x-Sauvegarde/Région', 'Île-de-France, nº 7'],
  ['x-備份 策略', '每日 🔐'],
  ['x-Policy_Document', 'p'.repeat(512)],
  ['x-Policy.Longest', 'ü'.repeat(512)],
  ['x-Tenant:ID', '  kept as it is, with blanks around  '],
]

async function noteForeign(site: Site): Promise<void> {
  const { vcenter, runLog } = site
  await attempt(async () => {
    const key = await newKey(site, 'third party', 'virtual machine')
    await fetchAndActivate(site, key)
    await noteProduct(site, key)
    await vcenter.work('add notes of other products', async (session) => {
      const groups = [foreignNotes.slice(0, 3), foreignNotes.slice(3)]
      for (const notes of groups) if (!(await session.addAttributes(key, notes))) return
      for (const [name, value] of foreignNotes)
        if (!(await session.attribute(key, name)).includes(value))
          runLog.violation('AddAttribute', 'a note of another product was changed or lost')
    })
    // A clone shares its original's key, and adds the same notes again.
    await vcenter.work('note on a key twice', async (session) => {
      const [name] = foreignNotes[0] ?? ['x-Name']
      const added = await session.addAttributes(key, [[name, 'a clone']])
      if (added && !(await session.attribute(key, name)).includes('a clone'))
        runLog.violation('AddAttribute', 'a second note with the same name is lost')
    })
  })
}

export const newerScenarios: readonly Scenario[] = [
  { id: 'm', name: 'wrapping-key', title: 'one wrapping key for a provider, as in 9.0', run: wrap },
  {
    id: 'n',
    name: 'third-party',
    title: 'keys of other products, with any names and texts on them',
    run: noteForeign,
  },
]
