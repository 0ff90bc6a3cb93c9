// `mortise store ...`: where the database is.

import { noun } from '../../doors/cli/command.ts'
import { storeCopyCommand } from './store-copy-command.ts'

export const storeCommands = noun('store', 'the database: move it to another place or kind', () => [
  storeCopyCommand,
])
