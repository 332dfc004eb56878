/** Serves the page of pages/history.ts behind the server we ship, under the page's own headers. */
import { bundle, startSite } from '../harness.ts';
import type { Site } from '../harness.ts';

export async function startHistorySite(): Promise<Site & { readonly page: string }> {
  const body = await bundle('tests/browser/pages/history.ts');
  const site = await startSite({
    override: (path) => {
      if (path === '/history-test.js') return { body, type: 'text/javascript' };
      if (path === '/history-test.html')
        return {
          body: '<!doctype html><meta charset="utf-8"><script type="module" src="history-test.js"></script>',
          type: 'text/html',
        };
      return undefined;
    },
  });
  return { ...site, page: `${site.url}history-test.html` };
}
