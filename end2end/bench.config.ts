import { defineConfig } from '@playwright/test';
import tests from './playwright.config.ts';

// Measured alone: one worker, one shop.
export default defineConfig({ ...tests, testDir: 'bench', workers: 1, timeout: 300_000 });
