import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** WebGPU in Node without a GPU: the software driver that Debian's Chromium brings, read when a process starts. */
const chromium = '/usr/lib/chromium';
if (!process.env.VK_ICD_FILENAMES && existsSync(`${chromium}/vk_swiftshader_icd.json`)) {
  process.env.VK_ICD_FILENAMES = `${chromium}/vk_swiftshader_icd.json`;
  process.env.LD_LIBRARY_PATH = [process.env.LD_LIBRARY_PATH, chromium].filter(Boolean).join(':');
}

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**', 'test/long/**'],
          // Some seconds on a calm machine; software GPUs wait long for a busy one's processor.
          testTimeout: 240_000,
          hookTimeout: 240_000,
          pool: 'forks',
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          // A busy machine may need most of it; what never comes fails all the same.
          expect: { poll: { timeout: 90_000 } },
          fileParallelism: false,
        },
      },
      {
        // One after the other: some measure.
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          testTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
