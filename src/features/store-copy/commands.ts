// `mortise store ...`: where the database is.

import type { Command } from 'commander'
import { noun, type Outcome } from '../../doors/cli/command.ts'
import { storeCopyCommand } from './store-copy-command.ts'
import type { World } from '../../doors/cli/world.ts'

export function storeCommands(world: World, outcome: Outcome): Command {
  return noun('store', 'the database: move it to another place or kind', [storeCopyCommand(world, outcome)])
}
