// `mortise adopt`: takes keys over from another KMIP server.

import type { Command } from 'commander'
import { noun, type Outcome } from './command.ts'
import { adoptProbeCommand } from './offline/adopt-probe.ts'
import type { World } from './world.ts'

export function adoptCommands(world: World, outcome: Outcome): Command {
  return noun('adopt', 'take keys over from another KMIP server, under the same identifiers', [
    adoptProbeCommand(world, outcome),
  ])
}
