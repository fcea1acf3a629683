// Which pages are looked at: every kind, with everything that can be true of a tenant.

/** The path of a tenant. */
export const room = (name) => `/tenants/${encodeURIComponent(name)}`;

/** One tenant for each finding, phase, level and kind of MDM, out of the status of the demo. */
export function tenants(status) {
  const names = new Map();
  for (const tenant of status.tenants) {
    const findings = tenant.findings.map(({ finding }) => finding);
    const traits = [`phase ${tenant.phase}`, `level ${tenant.level}`, `mdm ${tenant.mdm}`, ...findings];
    for (const trait of traits) if (!names.has(trait)) names.set(trait, tenant.name);
  }
  return [...new Set(names.values())];
}

/** The paths of every kind of page. */
export function paths(status) {
  const kinds = new Map(status.tenants.map((tenant) => [tenant.mdm, tenant.name]));
  return [
    ...["/", "/findings", "/ahead", "/network", "/?q=nobody+is+called+so", "/findings?q=nobody+is+called+so"],
    ...tenants(status).map(room),
    ...[...kinds.values()].map((name) => `${room(name)}/renewal`),
  ];
}
