// The one list of the features, in the order in which they open. Each line loads a feature's parts where they are wanted: `server` opens
// at the admin door, `kmip` in each process that serves KMIP, `commands` are those of the command line, by their words, and
// `plugs` are what commands of other features want.

import { withoutFeatures, type CommandPlugs } from '../doors/cli/plugs.ts'

/** The administration of the core, which every server has. */
const administration = {
  status: {
    server: async () => (await import('../features/status/feature.ts')).status,
    commands: {
      status: async () => (await import('../features/status/commands.ts')).statusCommand,
      health: async () => (await import('../features/status/health-command.ts')).healthCommand,
      reload: async () => (await import('../features/status/reload-command.ts')).reloadCommand,
    },
  },
  serverState: { server: async () => (await import('../features/status/conditions/server.ts')).server },
  rootKeyState: {
    server: async () => (await import('../features/status/conditions/root-keys.ts')).rootKeyState,
  },
  storedKeys: {
    server: async () => (await import('../features/status/conditions/stored-keys.ts')).storedKeys,
  },
  access: { server: async () => (await import('../features/status/conditions/access.ts')).access },
  instances: {
    server: async () => (await import('../features/instances/feature.ts')).instances,
    commands: {
      instance: async () =>
        (await import('../features/instances/commands/instance.ts')).instanceCommands({
          upstream: await plug('upstream'),
          machinesOf: await plug('machinesOf'),
        }),
    },
  },
  clients: {
    server: async () => (await import('../features/clients/feature.ts')).clients,
    commands: {
      client: async () => (await import('../features/clients/commands/client.ts')).clientCommands,
    },
  },
  tokens: {
    server: async () => (await import('../features/tokens/feature.ts')).tokens,
    commands: { token: async () => (await import('../features/tokens/commands.ts')).tokenCommands },
  },
  keys: {
    server: async () => (await import('../features/keys/feature.ts')).keys,
    commands: { key: async () => (await import('../features/keys/commands/key.ts')).keyCommands },
  },
  audit: {
    server: async () => (await import('../features/audit/feature.ts')).audit,
    commands: {
      audit: async () =>
        (await import('../features/audit/commands.ts')).auditCommands({
          machinesOf: await plug('machinesOf'),
        }),
    },
  },
  sessions: {
    server: async () => (await import('../features/sessions/feature.ts')).sessions,
    commands: {
      whoami: async () => (await import('../features/sessions/commands.ts')).whoamiCommand,
      session: async () => (await import('../features/sessions/commands.ts')).sessionCommands,
    },
  },
  certificates: {
    server: async () => (await import('../features/certificates/feature.ts')).certificates,
    commands: {
      'server-cert': async () =>
        (await import('../features/certificates/commands.ts')).serverCertificateCommands,
    },
  },
}

/** A server can lack each of these: its folder and its line here are all that it is. */
const optional = {
  backup: {
    server: async () => (await import('../features/backup/feature.ts')).backup,
    commands: { backup: async () => (await import('../features/backup/commands.ts')).backupCommands },
    plugs: { bundle: async () => (await import('../features/backup/commands.ts')).bundleParts },
  },
  restore: {
    server: async () => (await import('../features/restore/feature.ts')).restore,
    commands: {
      restore: async () => (await import('../features/restore/commands.ts')).restoreCommand,
      'restore-accept': async () => (await import('../features/restore/commands.ts')).restoreAcceptCommand,
      'backup drill': async () => (await import('../features/restore/commands.ts')).backupDrillCommand,
    },
  },
  rootKeys: {
    server: async () => (await import('../features/root-keys/feature.ts')).rootKeys,
    commands: { 'root-key': async () => (await import('../features/root-keys/commands.ts')).rootKeyCommands },
  },
  adopt: {
    server: async () => (await import('../features/adopt/feature.ts')).adopt,
    kmip: async () => (await import('../features/adopt/upstreams.ts')).openUpstreams,
    commands: { adopt: async () => (await import('../features/adopt/commands/adopt.ts')).adoptCommands },
    plugs: {
      upstream: async () =>
        (await import('../features/adopt/commands/instance-upstream.ts')).upstreamCommands,
    },
  },
  inventory: {
    server: async () => (await import('../features/inventory/feature.ts')).inventory,
    commands: {
      inventory: async () => (await import('../features/inventory/commands/inventory.ts')).inventoryCommands,
    },
    plugs: { machinesOf: async () => (await import('../features/inventory/machines-of.ts')).machinesOf },
  },
  keyExport: {
    server: async () => (await import('../features/key-export/feature.ts')).keyExport,
    commands: {
      'key export': async () => (await import('../features/key-export/commands.ts')).exportCommand,
    },
  },
  siem: {
    server: async () => (await import('../features/siem/feature.ts')).siem,
    commands: { siem: async () => (await import('../features/siem/commands.ts')).siemCommands },
  },
  alerts: {
    server: async () => (await import('../features/alerts/feature.ts')).alerts,
    commands: { alert: async () => (await import('../features/alerts/commands.ts')).alertCommands },
  },
  approvals: {
    server: async () => (await import('../features/approvals/feature.ts')).approvals,
    commands: { approval: async () => (await import('../features/approvals/commands.ts')).approvalCommands },
  },
  login: {
    server: async () => (await import('../features/login/feature.ts')).login,
    commands: {
      login: async () => (await import('../features/login/commands/login.ts')).loginCommand,
      logout: async () => (await import('../features/login/commands/login.ts')).logoutCommand,
    },
  },
  report: {
    commands: {
      report: async () => (await import('../features/report/report.ts')).reportCommand,
      'support-bundle': async () =>
        (await import('../features/report/support-bundle.ts')).supportBundleCommand({
          bundle: (await plugged('bundle')).flat(),
        }),
    },
  },
  storeCopy: {
    commands: { store: async () => (await import('../features/store-copy/commands.ts')).storeCommands },
  },
  hardening: {
    commands: { hardening: async () => (await import('../features/hardening/commands.ts')).hardeningCommand },
  },
  fips: { commands: { fips: async () => (await import('../features/fips/commands.ts')).fipsCommands } },
}

export const features = { ...administration, ...optional }

type List = typeof features
type Part<Kind extends string> = {
  readonly [
    Name in keyof List as List[Name] extends Record<Kind, unknown> ? Name : never
  ]: List[Name] extends Record<Kind, () => Promise<infer Loaded>> ? Loaded : never
}
/** The loaded parts of one kind, each by its feature's name. */
export type Servers = Part<'server'>
export type KmipParts = Part<'kmip'>

/** Loads one part of each feature that has it. */
export async function load<Kind extends 'server' | 'kmip'>(kind: Kind): Promise<Part<Kind>> {
  const loaded = await Promise.all(
    Object.entries<Partial<Record<string, unknown>>>(features).map(async ([name, parts]) => {
      const part = parts[kind] as (() => Promise<unknown>) | undefined
      return part ? [[name, await part()] as const] : []
    }),
  )
  return Object.fromEntries(loaded.flat()) as unknown as Part<Kind>
}

interface WithPlugs {
  readonly commands: unknown
  readonly plugs?: { readonly [Name in keyof CommandPlugs]?: () => Promise<CommandPlugs[Name]> }
}

/** The plugs of this name, of all features that have it. A command loads only those that it wants. */
function plugged<Name extends keyof CommandPlugs>(name: Name): Promise<readonly CommandPlugs[Name][]> {
  const list: readonly WithPlugs[] = Object.values(optional)
  return Promise.all(list.flatMap(({ plugs }) => plugs?.[name]?.() ?? []))
}

/** The plug of the one feature that has it. */
async function plug<Name extends keyof CommandPlugs>(name: Name): Promise<CommandPlugs[Name]> {
  const [offered = withoutFeatures[name]] = await plugged(name)
  return offered
}
