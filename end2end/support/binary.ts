// The binary under test, and ports for it.

import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** What `script/test` lays out; a developer may name another binary. */
export const binary = resolve(
  process.env['ROLITT_BIN'] ??
    [join(root, 'target/e2e/rolitt'), join(root, 'target/debug/rolitt')].find((path) => existsSync(path)) ??
    'target/debug/rolitt',
);

/** Asked of the system all at once, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((done, failed) => {
          server.once('error', failed).listen(0, '127.0.0.1', () => {
            const address = server.address();
            done(typeof address === 'object' && address ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
