// What can be said of any page in any state, and pictures of it.

import { AxeBuilder } from '@axe-core/playwright';
import { type Page, expect } from '@playwright/test';

export const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } } as const;
const SCHEMES = ['light', 'dark'] as const;

/** axe-core finds nothing, in light and in dark. */
export async function expectAccessible(page: Page): Promise<void> {
  const found: string[] = [];
  for (const colorScheme of SCHEMES) {
    // Without motion, or a color would be measured halfway through its change.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
      .analyze();
    for (const { id, help, nodes } of violations) {
      found.push(`${colorScheme}: ${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
    }
  }
  expect(found).toEqual([]);
}

/** Nothing has to be scrolled sideways to be read. */
export async function expectNothingCutOff(page: Page): Promise<void> {
  const { wide, scrolls } = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > width + 1)
      .map((element) => element.outerHTML.slice(0, 100));
    return { wide, scrolls: document.documentElement.scrollWidth > width };
  });
  expect(scrolls, `something is wider than the page: ${wide.join(' | ')}`).toBe(false);
}

/** Pictures to look at, in `test-results/looks`. Fonts differ from machine to machine, so no pixels are compared. */
export async function picture(page: Page, name: string): Promise<void> {
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({
      path: `test-results/looks/${name.replaceAll(/\W+/g, '-')}-${colorScheme}.png`,
      fullPage: true,
      animations: 'disabled',
    });
  }
}
