// The acts that may need a second person, by their names in approval.for. core/trust/approval.ts has the requests for approval.
// The guards of features (guards.ts) have the routes.

export const guardedActs = [
  'instance delete',
  'instance open',
  'key destroy',
  'set-root-key',
  'token create manager',
  'audit prune',
  'backup create',
  'key export',
  'vcenter change',
] as const

export type GuardedAct = (typeof guardedActs)[number]
