// Logs and counts changes that were made in the database behind the server's back. Part of the composition root.

import type { OnAltered, StoredItem } from '../sealing/integrity.ts'
import type { Log } from '../ports/log.ts'

export class Alarms {
  readonly #log: Log
  #count = 0

  constructor(log: Log) {
    this.#log = log
  }

  /** The number of alarms since the start. */
  get count(): number {
    return this.#count
  }

  readonly raise = (message: string): void => {
    this.#count++
    this.#log.error({ alarm: 'tampering' }, message)
  }

  /** Called when stored bytes fail their authentication. */
  readonly altered: OnAltered = ({ instanceId, kind, id }, { message: cause }, tell) => {
    this.#count++
    const { field, noun } = words[kind]
    const fields = { alarm: 'tampering', ...(instanceId !== null && { instanceId }), [field]: id, cause }
    if (tell) this.#log.error(fields, `the stored form of a ${noun} was altered: it does not open`)
  }
}

const words: Record<StoredItem['kind'], { readonly field: string; readonly noun: string }> = {
  object: { field: 'object', noun: 'key' },
  'data key': { field: 'dataKey', noun: 'data key' },
  secret: { field: 'secret', noun: "secret of the server's" },
}
