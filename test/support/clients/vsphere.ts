// A small vSphere, as the simulator plays it: a vCenter, two hosts and three machines, two hundred times faster than real
// ones, and the same in each run.

import assert from 'node:assert/strict'
import type { SimulationReport } from '../../../src/tools/vsphere/report.ts'
import { chooseScenarios } from '../../../src/tools/vsphere/scenarios/all.ts'
import { simulate, type SimulationOptions } from '../../../src/tools/vsphere/simulate.ts'

type Files = Pick<SimulationOptions, 'cert' | 'key'>

/** `wanted`: letters or names of scenarios, separated by commas, or all. */
export function playVsphere(
  { cert, key }: Files,
  addresses: SimulationOptions['addresses'],
  wanted: string,
  more: Partial<SimulationOptions> = {},
): Promise<SimulationReport> {
  const found = chooseScenarios(wanted)
  assert.ok('chosen' in found, wanted)
  return simulate({
    addresses,
    cert,
    key,
    trust: { by: 'nothing' },
    profile: '7.0.3',
    hosts: 2,
    vms: 3,
    speed: 200,
    seed: 7,
    ...more,
    scenarios: found.chosen,
  })
}
