// npm test: installs what is missing, builds, checks types and style, runs the tests in Node and in a browser.
// Arguments are passed on to Vitest. The last line is "N passed, N failed".
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ensureInstalled, fail, root, run } from './project.mjs';

const RESULTS = 'test-results/vitest.json';

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(existsSync);

/** A Chromium to test with; Playwright's own is fetched when there is none. */
async function findBrowser() {
  if (process.env.CHROMIUM_PATH) {
    if (existsSync(process.env.CHROMIUM_PATH)) return process.env.CHROMIUM_PATH;
    fail(`CHROMIUM_PATH names ${process.env.CHROMIUM_PATH}, which is not there.`);
  }
  const { chromium } = await import('playwright');
  const own = chromium.executablePath();
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const app = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
  const found = names.map(onPath).find(Boolean) ?? [app, own].find(existsSync);
  if (found) return found;
  console.log('No Chromium found; fetching Playwright’s …');
  run(process.execPath, ['node_modules/playwright/cli.js', 'install', 'chromium']);
  if (existsSync(own)) return own;
  return fail(
    'The browser tests need Chromium or Chrome. Install one ("apt-get install chromium", ' +
      '"npx playwright install chromium"), or set CHROMIUM_PATH to it. ' +
      'The tests in Node alone: npm run build && npm run test:node',
  );
}

/** Passed and failed tests of Vitest's report; a file that does not load is one failure. */
function count() {
  if (!existsSync(join(root, RESULTS))) return { passed: 0, failed: 1 };
  const report = JSON.parse(readFileSync(join(root, RESULTS), 'utf8'));
  const broken = report.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0);
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length };
}

ensureInstalled();
if (run('npm', ['run', '--silent', 'build']) !== 0) fail('The build failed; see above.\n0 passed, 1 failed');
const browser = await findBrowser();
const checked = run('npm', ['run', '--silent', 'check']) === 0;
rmSync(join(root, RESULTS), { force: true });
const status = run(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project=node',
    '--project=browser',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${RESULTS}`,
    ...process.argv.slice(2),
  ],
  { CHROMIUM_PATH: browser },
);
const { passed, failed } = count();
if (!checked) console.log('\nnpm run check failed; see above.');
// An error outside of any test counts, too.
const failures = failed + (checked ? 0 : 1) + (status !== 0 && failed === 0 ? 1 : 0);
console.log(`\n${passed} passed, ${failures} failed`);
process.exitCode = failures > 0 ? 1 : 0;
