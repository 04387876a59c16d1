// axe-core on every page and state: no violation.

import { expectAccessible } from '../support/inspect.ts';
import { STATES } from '../support/states.ts';
import { test } from '../support/test.ts';

test.use({ expectedConsole: /Failed to load resource/ });

for (const [name, enter] of Object.entries(STATES)) {
  test(name, async ({ page, sandbox, email }) => {
    await enter({ page, sandbox, email });
    await expectAccessible(page);
  });
}
