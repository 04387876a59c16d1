// A sandbox for each worker, Stripe's official client for it, and a shop's end of its webhooks.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, type Server, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect } from '@playwright/test';
import Stripe from 'stripe';
import { binary, freePorts } from '../support/binary.ts';

export { expect, Stripe };

export type Json = Record<string, any>;

/** `rolitt sandbox`, with nothing else around it. */
export class Running {
  private constructor(
    readonly port: number,
    readonly url: string,
    private readonly folder: string,
    private readonly child: ChildProcess,
    private readonly lines: string[],
  ) {}

  static async start(env: Record<string, string> = {}): Promise<Running> {
    const [port, shop] = await freePorts(2);
    // A folder of its own, so that a developer's .env (with real keys, perhaps) is not found.
    const folder = mkdtempSync(join(tmpdir(), 'rolitt-sandbox-'));
    const lines: string[] = [];
    const child = spawn(binary, ['sandbox'], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        NO_COLOR: '1',
        RUST_LOG: 'info',
        SANDBOX_ADDR: `127.0.0.1:${port}`,
        LEPTOS_SITE_ADDR: `127.0.0.1:${shop}`,
        ROLITT_DATA_DIR: join(folder, 'data'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => lines.push(text));
    }
    const running = new Running(port!, `http://127.0.0.1:${port}`, folder, child, lines);
    await expect(async () => {
      if (child.exitCode !== null) throw new Error(`the sandbox did not start:\n${running.log}`);
      expect((await fetch(`${running.url}/sandbox`)).ok).toBe(true);
    }).toPass({ timeout: 20_000, intervals: [50] });
    return running;
  }

  get log(): string {
    return this.lines.join('');
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((done) => this.child.once('exit', () => done()));
    this.child.kill('SIGTERM');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
    if (this.child.exitCode !== 0) throw new Error(`the sandbox did not end cleanly:\n${this.log}`);
  }

  client(key = 'sk_test_official', config: Stripe.StripeConfig = {}): Stripe {
    const { port } = this;
    return new Stripe(key, { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0, telemetry: false, ...config });
  }

  /** A control; its answer has to be a success. */
  async control(method: string, path: string, body?: Json): Promise<Json> {
    const answer = await this.tried(method, path, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body;
  }

  async tried(method: string, path: string, body?: Json): Promise<{ status: number; body: Json }> {
    const answer = await fetch(`${this.url}/sandbox${path}`, { method, body: body && JSON.stringify(body) });
    return { status: answer.status, body: (await answer.json()) as Json };
  }

  trigger(type: string, object?: Json): Promise<Json> {
    return this.control('POST', '/stripe/trigger', { type, object });
  }

  async advance(seconds: number): Promise<void> {
    await this.control('POST', '/clock', { advance_seconds: seconds });
  }
}

/** A shop's end of webhooks: answers with what it is told to, keeps what it got. */
export class Receiver {
  readonly got: { headers: IncomingHttpHeaders; body: string; at: number }[] = [];
  /** Statuses for the next deliveries; 200 after these. */
  answers: number[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Receiver> {
    const [port] = await freePorts(1);
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => (body += part));
      request.on('end', () => {
        receiver.got.push({ headers: request.headers, body, at: Date.now() });
        response.writeHead(receiver.answers.shift() ?? 200).end('noted');
      });
    });
    const receiver = new Receiver(server, `http://127.0.0.1:${port}/hook`);
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    return receiver;
  }

  get events(): Stripe.Event[] {
    return this.got.map(({ body }) => JSON.parse(body) as Stripe.Event);
  }

  async waitFor(count: number): Promise<void> {
    await expect.poll(() => this.got.length, { message: 'deliveries' }).toBeGreaterThanOrEqual(count);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

export const test = base.extend<{ stripe: Stripe; receiver: Receiver; fresh: void }, { sandbox: Running }>({
  sandbox: [
    async ({}, use) => {
      const running = await Running.start();
      await use(running);
      await running.stop();
    },
    { scope: 'worker' },
  ],
  // Every test starts from nothing, and without the endpoint of the shop that is not there.
  fresh: [
    async ({ sandbox }, use) => {
      await sandbox.control('POST', '/reset', {});
      const stripe = sandbox.client();
      for (const endpoint of (await stripe.webhookEndpoints.list()).data) await stripe.webhookEndpoints.del(endpoint.id);
      await use();
    },
    { auto: true },
  ],
  stripe: async ({ sandbox, fresh: _ }, use) => use(sandbox.client()),
  receiver: async ({}, use) => {
    const receiver = await Receiver.start();
    await use(receiver);
    await receiver.stop();
  },
});

/** The error that a call ends in. */
export async function refused(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error, 'the call should have been refused').toBeInstanceOf(Stripe.errors.StripeError);
  return error as Stripe.errors.StripeError;
}

export const types = (events: { type: string }[]): string[] => events.map((event) => event.type);

/** What happened so far, oldest first. */
export async function happened(stripe: Stripe): Promise<string[]> {
  return types((await stripe.events.list({ limit: 100 })).data).reverse();
}

export const card = { automatic_payment_methods: { enabled: true, allow_redirects: 'never' } } as const;

/** A payment that went through. */
export function paid(stripe: Stripe, amount = 5000, more: Partial<Stripe.PaymentIntentCreateParams> = {}): Promise<Stripe.PaymentIntent> {
  return stripe.paymentIntents.create({ amount, currency: 'usd', payment_method: 'pm_card_visa', confirm: true, ...card, ...more });
}
