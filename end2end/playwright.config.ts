import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

// The machine's own browser: Playwright's builds cannot be downloaded everywhere.
const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env['CHROMIUM'] ?? browsers.find((path) => existsSync(path));

export default defineConfig({
  testDir: 'specs',
  outputDir: 'test-results',
  // Each worker runs a shop of its own, with its own database and sandbox.
  workers: Number(process.env['WORKERS'] ?? 2),
  // Flakiness is a fault like any other: never hidden behind a second try.
  retries: 0,
  forbidOnly: Boolean(process.env['CI']),
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: {
    locale: 'en-US',
    timezoneId: 'UTC',
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
