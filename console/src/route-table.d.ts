// Made by build.ts from the route table of the admin API.
declare module 'route-table' {
  interface Line {
    readonly method: string
    readonly path: string
    readonly media: string
    readonly role: 'viewer' | 'operator' | 'manager'
    readonly scope: 'public' | 'server' | 'instance' | 'any'
  }
  const table: { readonly [Name in import('../../src/admin/api.ts').RouteName]: Line }
  export default table
}
