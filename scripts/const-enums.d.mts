import type { Plugin } from 'vite';

export function constEnums(): Plugin;
