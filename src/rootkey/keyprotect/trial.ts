// Whether standard keys can be made, read and deleted where a root key is: tried at once with one of no value, so that
// a role which is missing is told before the first key needs it. The service bills the one for a month.

import { randomBytes } from 'node:crypto'
import { RootKeyError, StandardKeyUncertain, type StandardKeys } from '../../keys/root-key.ts'

/**
 * Throws RootKeyError: 'unreachable', or 'root-key' with what is missing. Where the key of the trial may be left over
 * the message names it.
 */
export async function tryStandardKeys(standardKeys: StandardKeys): Promise<void> {
  const name = `mortise-trial-${randomBytes(8).toString('hex')}`
  const payload = randomBytes(32)
  const description = 'mortise 1 trial: may be deleted'
  let id: string
  try {
    id = await standardKeys.create({ name, description, payload })
  } catch (error) {
    throw failed(error, error instanceof StandardKeyUncertain ? await clear(standardKeys, name) : '')
  }
  let unread: unknown
  try {
    if (!payload.equals(await standardKeys.read(id)))
      throw new RootKeyError(
        'unreachable',
        `the standard key ${name} (${id}) holds something else than was put in`,
      )
  } catch (error) {
    unread = error
  }
  try {
    await standardKeys.remove(id)
  } catch (error) {
    throw failed(unread ?? error, left(name, id))
  }
  if (unread !== undefined) throw failed(unread, '')
}

/** After a create that was not answered: what the administrator must know of it. */
async function clear(standardKeys: StandardKeys, name: string): Promise<string> {
  try {
    const found = await standardKeys.find(name)
    for (const { id, deleted } of found) if (!deleted) await standardKeys.remove(id)
    return found.length > 0 ? '' : left(name)
  } catch {
    return left(name)
  }
}

function left(name: string, id?: string): string {
  const which =
    id === undefined ? `If there is a standard key ${name}` : `The standard key ${name} (${id}) is left there`
  return `${which}${id === undefined ? ',' : ':'} delete it.`
}

/** Of the whole root key: for this custody it will not do. */
function failed(error: unknown, andThen: string): unknown {
  if (!(error instanceof RootKeyError)) return error
  const message = [`${error.message}.`, andThen].filter((sentence) => sentence !== '').join(' ')
  const reach = error.reach === 'unreachable' ? 'unreachable' : 'root-key'
  return new RootKeyError(reach, message, { cause: error })
}
