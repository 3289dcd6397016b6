import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { constEnums } from './scripts/const-enums.mjs';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Threads need both; the service worker adds them on hosts that cannot. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const policy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "img-src 'self' blob: data:",
  "style-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "object-src 'none'",
].join('; ');

/** Only in the built app: Vite's development server needs inline styles. */
const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      injectTo: 'head-prepend',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: policy },
    },
  ],
};

/** What every page of the app is made with. */
const isBase = /\/node_modules\/(@?preact|comlink)\/|\/pwa\/(engine\.ts|ui\/(controls|icons|toast)\.tsx)$/;
/** What the engine has in common with its parts that are loaded later: one file to ask for. */
const isShared = /\/(as|src\/(core|ir|ops|plan|data|io|nn))\/[^/]+\.ts$/;

export default defineConfig({
  root: path('pwa'),
  base: './',
  publicDir: path('pwa/public'),
  plugins: [contentSecurityPolicy, constEnums()],
  build: {
    outDir: path('dist/app'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'spawn', test: /workers\/spawn\.ts$/ },
            { name: 'base', test: isBase },
          ],
        },
      },
    },
  },
  worker: {
    format: 'es',
    plugins: () => [constEnums()],
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: 'shared', test: isShared, minShareCount: 2 }] } },
    },
  },
  server: { headers: isolation, fs: { allow: [path('.')] } },
  preview: { headers: isolation },
});
