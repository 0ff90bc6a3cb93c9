// All scenarios, in the order of `all`.

import type { Scenario } from '../scenario.ts'
import { failoverScenarios } from './failover.ts'
import { machineScenarios } from './machines.ts'
import { newerScenarios } from './newer.ts'
import { providerScenarios } from './provider.ts'
import { refusalScenarios } from './refusals.ts'
import { vsanScenarios } from './vsan.ts'

export const scenarios: readonly Scenario[] = [
  ...providerScenarios,
  ...machineScenarios,
  ...vsanScenarios,
  ...failoverScenarios,
  ...refusalScenarios,
  ...newerScenarios,
].toSorted((a, b) => (a.id < b.id ? -1 : 1))

/** Parses `e,vsan-boot` or `all`. Otherwise returns the first word that names no scenario. */
export function chooseScenarios(
  text: string,
): { readonly chosen: readonly Scenario[] } | { readonly unknown: string } {
  const words = text
    .split(',')
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== '')
  if (words.includes('all')) return { chosen: scenarios }
  const unknown = words.find((word) => !scenarios.some(({ id, name }) => word === id || word === name))
  if (unknown !== undefined || words.length === 0) return { unknown: unknown ?? text }
  return { chosen: words.flatMap((word) => scenarios.filter(({ id, name }) => word === id || word === name)) }
}
