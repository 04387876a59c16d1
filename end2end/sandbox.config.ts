import { defineConfig } from '@playwright/test';

// The sandbox alone, driven by Stripe's official client: no browser, no database, no shop.
export default defineConfig({
  testDir: 'sandbox',
  outputDir: 'test-results/sandbox',
  workers: Number(process.env['WORKERS'] ?? 2),
  fullyParallel: false,
  retries: 0,
  forbidOnly: Boolean(process.env['CI']),
  timeout: 30_000,
  expect: { timeout: 10_000 },
  reporter: 'list',
});
