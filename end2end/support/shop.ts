// Starts the real binary on free ports with a database of its own, and stops it as a host would.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary, freePorts, root } from './binary.ts';

/** Where the shops of this run keep what they know: a project of its own for each, on an emulator that is there already. */
export const firestore = process.env['ROLITT_TEST_STORE'] === 'firestore' ? process.env['FIRESTORE_EMULATOR_HOST'] : undefined;

const builtSite = join(root, 'target/e2e/site');
const site =
  process.env['ROLITT_SITE'] ??
  (existsSync(builtSite) && !process.env['ROLITT_BIN'] ? builtSite : join(root, 'target/site'));

export class Shop {
  private constructor(
    readonly url: string,
    readonly ops: string,
    readonly sandbox: string,
    readonly dataDir: string,
    /** On Firestore: whose documents are this shop's. */
    readonly project: string,
    private readonly folder: string,
    private readonly child: ChildProcess,
    private readonly lines: string[],
  ) {}

  /** `env` adds to the shop's environment, or takes away what it maps to `undefined`. */
  static async start(env: Record<string, string | undefined> = {}): Promise<Shop> {
    const [publicPort, opsPort, sandboxPort] = await freePorts(3);
    const folder = mkdtempSync(join(tmpdir(), 'rolitt-end2end-'));
    // PostgreSQL gives up root, and then has to reach its data.
    chmodSync(folder, 0o755);
    // A folder of its own, so that a developer's .env (with real keys, perhaps) is not found.
    copyFileSync(join(root, 'Leptos.toml'), join(folder, 'Leptos.toml'));
    const dataDir = join(folder, 'data');
    const project = `test-${randomUUID()}`;
    const lines: string[] = [];
    const child = spawn(binary, ['serve'], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        LANG: 'C.UTF-8',
        NO_COLOR: '1',
        RUST_BACKTRACE: '1',
        RUST_LOG: 'info',
        LEPTOS_SITE_ADDR: `127.0.0.1:${publicPort}`,
        LEPTOS_SITE_ROOT: site,
        OPS_ADDR: `127.0.0.1:${opsPort}`,
        SANDBOX_ADDR: `127.0.0.1:${sandboxPort}`,
        ROLITT_DATA_DIR: dataDir,
        // One browser buys more in a minute here than a customer in a year.
        CHECKOUT_RATE_PER_IP: 'off',
        CHECKOUT_RATE_GLOBAL: 'off',
        ...(firestore && {
          DATABASE_STORAGE_TARGET: 'firestore',
          FIRESTORE_PROJECT_ID: project,
          FIRESTORE_EMULATOR_HOST: firestore,
        }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => lines.push(text));
    }
    const at = (port: number | undefined) => `http://127.0.0.1:${port}`;
    const shop = new Shop(at(publicPort), at(opsPort), at(sandboxPort), dataDir, project, folder, child, lines);
    await shop.ready();
    return shop;
  }

  get log(): string {
    return this.lines.join('');
  }

  get databaseUrl(): string {
    return readFileSync(join(this.dataDir, 'database-url'), 'utf8').trim();
  }

  /** SIGTERM, and a clean end within the time that hosts give. */
  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((done) => child.once('exit', () => done()));
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), 30_000);
      await ended;
      clearTimeout(kill);
    }
    if (child.exitCode !== 0) {
      throw new Error(`the shop ended with ${child.exitCode ?? child.signalCode}, not cleanly:\n${this.tail()}`);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  private tail(): string {
    return this.log.split('\n').slice(-60).join('\n');
  }

  private async ready(): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`the shop did not start:\n${this.tail()}`);
      }
      const answer = await fetch(`${this.ops}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((done) => setTimeout(done, 100));
    }
    this.child.kill('SIGKILL');
    throw new Error(`the shop was not ready within a minute:\n${this.tail()}`);
  }
}
