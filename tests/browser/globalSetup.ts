// The page is built once for all browser tests, by the same code that `npm start` uses.
import { buildPage } from '../../src/server/setup.mjs';

export default function setup(): void {
  buildPage();
}
