// The acts that may need a second person, as approval.for names them. core/trust/approval.ts has the requests; The guards of features (guards.ts) have the
// routes.

export const guardedActs = [
  'instance delete',
  'key destroy',
  'set-root-key',
  'token create manager',
  'audit prune',
  'backup create',
  'key export',
] as const

export type GuardedAct = (typeof guardedActs)[number]
