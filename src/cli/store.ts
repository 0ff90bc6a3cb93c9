// `mortise store ...`: where the database is.

import type { Command } from 'commander'
import { noun, type Outcome } from './command.ts'
import { storeCopyCommand } from './offline/store-copy.ts'
import type { World } from './world.ts'

export function storeCommands(world: World, outcome: Outcome): Command {
  return noun('store', 'the database: move it to another place or kind', [storeCopyCommand(world, outcome)])
}
