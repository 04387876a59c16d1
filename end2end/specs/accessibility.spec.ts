// axe-core on every page and state, in light and dark: no violation.

import { STATES } from '../support/states.ts';
import { expect, test } from '../support/test.ts';
import { AxeBuilder } from '@axe-core/playwright';

test.use({ expectedConsole: [/Failed to load resource/] });

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [name, enter] of Object.entries(STATES)) {
    test(`${name}, ${colorScheme}`, async ({ page, sandbox, email }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await enter({ page, sandbox, email });
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
        .analyze();
      const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
      expect(told).toEqual([]);
    });
  }
}
