// The acts that may need a second person, as approval.for names them. core/trust/approval.ts has the requests; features/approvals/guarded.ts has the
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
