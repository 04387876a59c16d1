// What the shop costs, as ratios between things measured in the same minute on the same machine: the load comes from this very process,
// so absolute figures are below what the server could do, and only the ratios mean something.

import { createHmac } from 'node:crypto';
import { Agent, type OutgoingHttpHeaders, request } from 'node:http';
import { expect, test } from '@playwright/test';
import { Shop } from '../support/shop.ts';

const WEBHOOK_SECRET = 'whsec_bench0000000000000000000000000';
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 5);
const LINES = 8;

let shop: Shop;
test.beforeAll(async () => {
  shop = await Shop.start({ STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET, RUST_LOG: 'warn' });
});
test.afterAll(async () => shop.stop());

interface Call {
  url: string;
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: string;
}

interface Measured {
  perSecond: number;
  p50: number;
  p99: number;
}

test('ratios', async () => {
  const health = await measure('GET /healthz', 200, () => ({ url: `${shop.url}/healthz` }));
  const page = await measure('GET /', 200, () => ({ url: `${shop.url}/` }));
  let next = 0;
  const form = () => {
    next += 1;
    return `color=Red&email=bench-${next}%40example.com&locale=en&attempt=${Math.floor(Date.now() / 1000)}-bench${next}`;
  };
  const checkout = await measure('POST /api/create_checkout', 200, () => ({
    url: `${shop.url}/api/create_checkout`,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form(),
  }));
  const webhook = await measure('POST /api/webhooks/stripe', 200, () => {
    next += 1;
    return signed(`evt_bench_${next}_${Date.now()}`);
  });

  say('page to health check, requests a second', page.perSecond / health.perSecond);
  say('checkout to page, median', checkout.p50 / page.p50);
  say('checkout, 99th percentile to median', checkout.p99 / checkout.p50);
  say('webhook to page, median', webhook.p50 / page.p50);
  say('webhook, 99th percentile to median', webhook.p99 / webhook.p50);
});

function say(what: string, ratio: number): void {
  console.log(`${what.padEnd(48)} ${ratio.toFixed(3)}`);
}

/** An event that is stored and then ignored: signature, row and answer are what is measured. */
function signed(id: string): Call {
  const body = JSON.stringify({
    id,
    object: 'event',
    type: 'product.updated',
    api_version: '2025-06-30.basil',
    created: Math.floor(Date.now() / 1000),
    livemode: false,
    data: { object: { id: 'prod_bench', object: 'product' } },
  });
  const time = Math.floor(Date.now() / 1000);
  const signature = createHmac('sha256', WEBHOOK_SECRET).update(`${time}.${body}`).digest('hex');
  return {
    url: `${shop.url}/api/webhooks/stripe`,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': `t=${time},v1=${signature}` },
    body,
  };
}

/** Keeps `LINES` connections busy for `SECONDS`. */
async function measure(name: string, status: number, make: () => Call): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: LINES });
  await Promise.all(Array.from({ length: LINES }, () => once(agent, make())));
  const times: number[] = [];
  const end = performance.now() + SECONDS * 1000;
  const line = async () => {
    while (performance.now() < end) {
      const began = performance.now();
      expect(await once(agent, make())).toBe(status);
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: LINES }, line));
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  const measured = { perSecond: times.length / SECONDS, p50: at(0.5), p99: at(0.99) };
  console.log(
    `${name.padEnd(48)} ${measured.perSecond.toFixed(0).padStart(6)} a second, p50 ${measured.p50.toFixed(2)} ms, p99 ${measured.p99.toFixed(2)} ms`,
  );
  return measured;
}

function once(agent: Agent, call: Call): Promise<number> {
  return new Promise((done, failed) => {
    const headers = { ...call.headers, ...(call.body === undefined ? {} : { 'content-length': Buffer.byteLength(call.body) }) };
    const sent = request(call.url, { agent, method: call.method ?? 'GET', headers }, (answer) => {
      answer.resume().once('end', () => done(answer.statusCode ?? 0));
    });
    sent.once('error', failed).end(call.body);
  });
}
