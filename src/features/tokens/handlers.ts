// Tokens of the admin API: create, list, revoke. A token of one instance manages those of its instance only.

import { bootstrapName } from '../../core/trust/identity.ts'
import type { Instance, Token, TrustTables } from '../../core/trust/rows.ts'
import { visibleInstance } from '../../doors/http/authenticate.ts'
import type { TokenService } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { tokenRoutes } from './routes.ts'
import { Refusal } from '../../base/refusal.ts'
import { present } from '../../doors/http/views/present.ts'
import { byName, isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'

const dayMs = 24 * 3600_000

export const tokenHandlers = {
  listTokens: async (context, { asker }) => {
    const { tables } = await context.access.snapshot()
    const visible = [...tables.token.values()].filter(
      ({ instanceId }) => asker.instanceId === null || (instanceId !== null && asker.sees(instanceId)),
    )
    return shownTokens(context, tables.instance, visible.toSorted(byName))
  },

  createToken: async (context, { asker, body }) => {
    const { role, owner } = body
    const name = tokenName(body)
    const named = body.instance ?? asker.instanceId
    const instance = named === null ? null : await visibleInstance(context, asker, named)
    const expiresMs = expiresMsOf(context, body)
    const fields = { name, role, instanceId: instance?.id ?? null, expiresMs, ...present({ owner }) }
    return context.trust.tokens.create(asker.by, fields, {
      ...(asker.tokenSha256 !== undefined && { sha256: asker.tokenSha256 }),
      present: async ({ token, bearer }, tables) => ({
        ...(await shownToken(context, tables, token)),
        // The person who asked has had the text since then.
        token: asker.tokenSha256 === undefined ? bearer : '',
      }),
    })
  },

  revokeToken: async (context, { asker, params }) => {
    const named = (await context.access.snapshot()).tables.token.get(params.token)?.instanceId ?? null
    const reach = asker.instanceId !== null && named !== null && asker.sees(named) ? named : asker.instanceId
    const revoked = await context.trust.tokens.revoke(asker.by, params.token, reach, (token, tables) =>
      shownToken(context, tables, token),
    )
    context.plugs.approvals.look()
    return revoked
  },
} satisfies SomeHandlers<typeof tokenRoutes, TokenService>

/** As it was asked for; null: never. */
export function expiresMsOf(
  { clock }: Pick<TokenService, 'clock'>,
  { expiresDays }: { readonly expiresDays?: number | undefined },
): number | null {
  return expiresDays === undefined ? null : clock.now() + expiresDays * dayMs
}

interface Naming {
  readonly name?: string | undefined
  readonly owner?: string | undefined
  readonly role: string
}

/** The audit log names the token by it: left out, that of the person, and for a program its role. */
export function tokenName({ name, owner, role }: Naming): string {
  const chosen = name ?? owner ?? role
  if (chosen === bootstrapName)
    throw new Refusal('bad-request', `body.name: ${bootstrapName} is the name of the first token`)
  return chosen
}

/** Makes the answer before the commit: a token must not exist whose text was not received. */
async function shownToken(context: TokenService, tables: TrustTables, token: Token) {
  const [shown] = await shownTokens(context, tables.instance, [token])
  if (!shown) throw new Error('a token is shown as one token')
  return shown
}

async function shownTokens(
  { lastSeen, clock }: TokenService,
  instances: ReadonlyMap<string, Instance>,
  tokens: readonly Token[],
) {
  const seen = await lastSeen.of(tokens.map(({ sha256 }) => sha256))
  return tokens.map(({ id, name, role, instanceId, owner = null, sha256, createdMs, expiresMs }) => {
    const last = seen.get(sha256)
    return {
      id,
      name,
      role,
      owner,
      instance:
        instanceId === null ? null : { id: instanceId, name: instances.get(instanceId)?.name ?? instanceId },
      created: isoTime(createdMs),
      expires: isoTimeOrNull(expiresMs),
      expired: expiresMs !== null && expiresMs <= clock.now(),
      lastUsed: isoTimeOrNull(last?.lastMs ?? null),
      lastAddress: last?.address ?? null,
    }
  })
}
