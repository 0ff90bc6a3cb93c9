// The one list of the features, in the order in which they open. Each entry loads a feature's parts where they are wanted: `routes` and
// `examples` are its part of the admin API as data, `server` opens at the admin door, `kmip` in each process that serves KMIP, `commands`
// are those of the command line, by their words, `options` its sections of mortise.toml, and `plugs` are what commands of other features want.

import { withoutCommandPlugs, type CommandPlugs } from '../doors/cli/plugs.ts'
import { options, type Config } from '../outside/config/options.ts'
import type { OptionTable, OptionValues } from '../base/option.ts'
import { adoptionOptions } from '../features/adopt/options.ts'
import { alertOptions } from '../features/alerts/options.ts'

/** The administration of the core, which every server has. */
const administration = {
  status: {
    routes: async () => (await import('../features/status/routes.ts')).statusRoutes,
    examples: async () => (await import('../features/status/examples.ts')).examples,
    server: async () => (await import('../features/status/feature.ts')).status,
    commands: {
      status: async () => (await import('../features/status/commands.ts')).statusCommand,
      health: async () => (await import('../features/status/health-command.ts')).healthCommand,
      reload: async () => (await import('../features/status/reload-command.ts')).reloadCommand,
    },
  },
  serverState: { server: async () => (await import('../features/status/conditions/server.ts')).serverState },
  rootKeyState: {
    server: async () => (await import('../features/status/conditions/root-keys.ts')).rootKeyState,
  },
  storedKeyState: {
    server: async () => (await import('../features/status/conditions/stored-keys.ts')).storedKeyState,
  },
  accessState: { server: async () => (await import('../features/status/conditions/access.ts')).accessState },
  instances: {
    routes: async () => ({
      ...(await import('../features/instances/routes.ts')).instanceRoutes,
      ...(await import('../features/instances/object-rule-routes.ts')).objectRuleRoutes,
    }),
    examples: async () => (await import('../features/instances/examples.ts')).examples,
    server: async () => (await import('../features/instances/feature.ts')).instances,
    commands: {
      instance: async () =>
        (await import('../features/instances/commands/instance.ts')).instanceCommands({
          upstream: await plug('upstream'),
          machinesOf: await plug('machinesOf'),
        }),
    },
  },
  closing: {
    routes: async () => (await import('../features/closing/routes.ts')).closingRoutes,
    examples: async () => (await import('../features/closing/examples.ts')).examples,
    server: async () => (await import('../features/closing/feature.ts')).closing,
    commands: {
      'instance close': async () => (await import('../features/closing/commands.ts')).closeInstanceCommand,
      'instance open': async () => (await import('../features/closing/commands.ts')).openInstanceCommand,
      server: async () => (await import('../features/closing/commands.ts')).serverCommands,
    },
  },
  clients: {
    routes: async () => (await import('../features/clients/routes.ts')).clientRoutes,
    examples: async () => (await import('../features/clients/examples.ts')).examples,
    server: async () => (await import('../features/clients/feature.ts')).clients,
    commands: {
      client: async () => (await import('../features/clients/commands/client.ts')).clientCommands,
    },
  },
  tokens: {
    routes: async () => (await import('../features/tokens/routes.ts')).tokenRoutes,
    examples: async () => (await import('../features/tokens/examples.ts')).examples,
    server: async () => (await import('../features/tokens/feature.ts')).tokens,
    commands: { token: async () => (await import('../features/tokens/commands.ts')).tokenCommands },
  },
  keys: {
    routes: async () => (await import('../features/keys/routes.ts')).keyRoutes,
    examples: async () => (await import('../features/keys/examples.ts')).examples,
    server: async () => (await import('../features/keys/feature.ts')).keys,
    commands: { key: async () => (await import('../features/keys/commands/key.ts')).keyCommands },
  },
  audit: {
    routes: async () => (await import('../features/audit/routes.ts')).auditRoutes,
    examples: async () => (await import('../features/audit/examples.ts')).examples,
    server: async () => (await import('../features/audit/feature.ts')).audit,
    commands: {
      audit: async () =>
        (await import('../features/audit/commands.ts')).auditCommands({
          machinesOf: await plug('machinesOf'),
        }),
    },
  },
  sessions: {
    routes: async () => (await import('../features/sessions/routes.ts')).sessionRoutes,
    examples: async () => (await import('../features/sessions/examples.ts')).examples,
    server: async () => (await import('../features/sessions/feature.ts')).sessions,
    commands: {
      whoami: async () => (await import('../features/sessions/commands.ts')).whoamiCommand,
      session: async () => (await import('../features/sessions/commands.ts')).sessionCommands,
    },
  },
  certificates: {
    routes: async () => (await import('../features/certificates/routes.ts')).certificateRoutes,
    examples: async () => (await import('../features/certificates/examples.ts')).examples,
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
    routes: async () => (await import('../features/backup/routes.ts')).backupRoutes,
    examples: async () => (await import('../features/backup/examples.ts')).examples,
    server: async () => (await import('../features/backup/feature.ts')).backup,
    commands: { backup: async () => (await import('../features/backup/commands.ts')).backupCommands },
    plugs: { bundle: async () => (await import('../features/backup/commands.ts')).bundleParts },
  },
  restore: {
    routes: async () => (await import('../features/restore/routes.ts')).restoreRoutes,
    examples: async () => (await import('../features/restore/examples.ts')).examples,
    server: async () => (await import('../features/restore/feature.ts')).restore,
    commands: {
      restore: async () => (await import('../features/restore/commands.ts')).restoreCommand,
      'restore-accept': async () => (await import('../features/restore/commands.ts')).restoreAcceptCommand,
      'backup drill': async () => (await import('../features/restore/commands.ts')).backupDrillCommand,
    },
  },
  rootKeys: {
    routes: async () => (await import('../features/root-keys/routes.ts')).rootKeyRoutes,
    examples: async () => (await import('../features/root-keys/examples.ts')).examples,
    server: async () => (await import('../features/root-keys/feature.ts')).rootKeys,
    commands: { 'root-key': async () => (await import('../features/root-keys/commands.ts')).rootKeyCommands },
  },
  adopt: {
    options: adoptionOptions,
    routes: async () => ({
      ...(await import('../features/adopt/routes.ts')).adoptionRoutes,
      ...(await import('../features/adopt/upstream-routes.ts')).upstreamRoutes,
    }),
    examples: async () => (await import('../features/adopt/examples.ts')).examples,
    server: async () => (await import('../features/adopt/feature.ts')).adoptFeature,
    kmip: async () => (await import('../features/adopt/upstreams.ts')).openUpstreams,
    commands: { adopt: async () => (await import('../features/adopt/commands/adopt.ts')).adoptCommands },
    plugs: {
      upstream: async () =>
        (await import('../features/adopt/commands/instance-upstream.ts')).upstreamCommands,
    },
  },
  inventory: {
    routes: async () => (await import('../features/inventory/routes.ts')).inventoryRoutes,
    examples: async () => (await import('../features/inventory/examples.ts')).examples,
    server: async () => (await import('../features/inventory/feature.ts')).inventory,
    commands: {
      inventory: async () => (await import('../features/inventory/commands/inventory.ts')).inventoryCommands,
    },
    plugs: { machinesOf: async () => (await import('../features/inventory/machines-of.ts')).machinesOf },
  },
  vcenter: {
    routes: async () => (await import('../features/vcenter/rekey-routes.ts')).allVcenterRoutes,
    examples: async () => (await import('../features/vcenter/examples.ts')).examples,
    server: async () => (await import('../features/vcenter/feature.ts')).vcenterFeature,
    commands: { vcenter: async () => (await import('../features/vcenter/commands.ts')).vcenterCommands },
  },
  keyExport: {
    routes: async () => (await import('../features/key-export/routes.ts')).keyExportRoutes,
    examples: async () => (await import('../features/key-export/examples.ts')).examples,
    server: async () => (await import('../features/key-export/feature.ts')).keyExport,
    commands: {
      'key export': async () => (await import('../features/key-export/commands.ts')).exportCommand,
    },
  },
  siem: {
    routes: async () => (await import('../features/siem/routes.ts')).siemRoutes,
    examples: async () => (await import('../features/siem/examples.ts')).examples,
    server: async () => (await import('../features/siem/feature.ts')).siem,
    commands: { siem: async () => (await import('../features/siem/commands.ts')).siemCommands },
  },
  alerts: {
    options: alertOptions,
    routes: async () => (await import('../features/alerts/routes.ts')).alertRoutes,
    examples: async () => (await import('../features/alerts/examples.ts')).examples,
    server: async () => (await import('../features/alerts/feature.ts')).alerts,
    commands: { alert: async () => (await import('../features/alerts/commands.ts')).alertCommands },
  },
  approvals: {
    routes: async () => (await import('../features/approvals/routes.ts')).approvalRoutes,
    examples: async () => (await import('../features/approvals/examples.ts')).examples,
    server: async () => (await import('../features/approvals/feature.ts')).approvals,
    commands: { approval: async () => (await import('../features/approvals/commands.ts')).approvalCommands },
  },
  login: {
    routes: async () => (await import('../features/login/routes.ts')).loginRoutes,
    examples: async () => (await import('../features/login/examples.ts')).examples,
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
export type RouteTables = Part<'routes'>
export type KmipOpeners = Part<'kmip'>

type Union<Kind extends string> = {
  [Name in keyof List]: List[Name] extends Record<Kind, infer P> ? (part: P) => void : never
}[keyof List]
/** The options of all features, by section and name. */
type FeatureOptions = Union<'options'> extends (all: infer All) => void ? All : never
export const featureOptions = Object.assign(
  {},
  ...Object.values(features).map((feature) => ('options' in feature ? feature.options : {})),
) as FeatureOptions
/** The options of the server and of its features, by section and name. */
export const allOptions: OptionTable = { ...options, ...featureOptions }
/** The options of the server and of its features, with their values. */
export type AllConfig = Config & OptionValues<FeatureOptions>

/** Loads one part of each feature that has it. */
export async function load<Kind extends 'routes' | 'examples' | 'server' | 'kmip'>(
  kind: Kind,
): Promise<Part<Kind>> {
  const loaded = await Promise.all(
    Object.entries<Partial<Record<string, unknown>>>(features).map(async ([name, parts]) => {
      const part = parts[kind] as (() => Promise<unknown>) | undefined
      return part ? [[name, await part()] as const] : []
    }),
  )
  return Object.fromEntries(loaded.flat()) as unknown as Part<Kind>
}

interface WithPlugs {
  readonly server?: unknown
  readonly commands?: unknown
  readonly plugs?: { readonly [Name in keyof CommandPlugs]?: () => Promise<CommandPlugs[Name]> }
}

/** The plugs of this name, of all features that have it. A command loads only those that it wants. */
function plugged<Name extends keyof CommandPlugs>(name: Name): Promise<readonly CommandPlugs[Name][]> {
  const list: readonly WithPlugs[] = Object.values(optional)
  return Promise.all(list.flatMap(({ plugs }) => plugs?.[name]?.() ?? []))
}

/** The plug of the one feature that has it. */
async function plug<Name extends keyof CommandPlugs>(name: Name): Promise<CommandPlugs[Name]> {
  const [offered = withoutCommandPlugs[name]] = await plugged(name)
  return offered
}
