// A slow line to the shop: its pages arrive piece by piece, and the browser draws each piece before the next is there.

import { createServer, get } from 'node:http';
import { type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type Page, expect } from '@playwright/test';
import type { Shop } from './shop.ts';
import { expectNoLayoutShift } from './test.ts';

/** Bytes: about one element. A piece ends before the next tag, for a word that arrives in two is seen to grow by everybody. */
const PIECE = 200;
/** Two frames. */
const BETWEEN_MS = 34;
/** More than what a desktop shows of any page; what is further down arrives at once. */
const SLOW = 14_000;

/** However slowly the page arrives, nothing that is drawn already moves. */
export async function expectNoLayoutShiftOnASlowLine(page: Page, shop: Shop, path: string): Promise<void> {
  const line = await slowLine(shop.url);
  try {
    await page.goto(line.url + path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    expect(line.pieces(), 'the page came in pieces').toBeGreaterThan(5);
    const island = page.locator('form[data-awake], .copy:not([hidden])');
    if ((await page.locator('form, .copy').count()) > 0) await expect(island.first()).toBeVisible();
    await expectNoLayoutShift(page);
    // Nothing is on its way any more when the line is cut.
    await page.goto('about:blank');
  } finally {
    line.close();
  }
}

async function slowLine(shop: string) {
  let pieces = 0;
  const server = createServer(({ url, headers }, answer) => {
    const uncompressed = { ...headers, 'accept-encoding': 'identity' };
    get(shop + url, { headers: uncompressed }, async (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      const slow = reply.headers['content-type']?.startsWith('text/html');
      for await (const chunk of reply as AsyncIterable<Buffer>) {
        let rest = chunk;
        while (slow && pieces * PIECE < SLOW && rest.length > 0) {
          const tag = rest.indexOf('<', PIECE);
          const end = tag < 0 ? rest.length : tag;
          answer.write(rest.subarray(0, end));
          rest = rest.subarray(end);
          pieces += 1;
          await pause(BETWEEN_MS);
        }
        answer.write(rest);
      }
      answer.end();
    }).on('error', () => answer.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pieces: () => pieces,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
