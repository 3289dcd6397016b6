/** Files to drop on the train page: made by the tests, and the beginning of CIFAR-10 where it is at hand. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import type { Page } from 'playwright';
import { Random } from '../../src/core/random.ts';
import { realPath } from '../data/real.ts';

export interface Upload {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** A batch in CIFAR-10's format; each class has a colour and a place, so that it can be learned. */
export function cifarBatch(name: string, count: number, seed: number): Upload {
  const random = new Random(seed);
  const buffer = Buffer.alloc(count * 3073);
  for (let i = 0; i < count; i++) {
    const label = random.below(10);
    buffer[i * 3073] = label;
    for (let c = 0; c < 3; c++) {
      for (let p = 0; p < 1024; p++) {
        const inside = Math.floor((p % 32) / 4) === label % 8;
        const level = ((label >> c) & 1) * 90 + (inside ? 120 : 20) + random.below(40);
        buffer[i * 3073 + 1 + c * 1024 + p] = Math.min(255, level);
      }
    }
  }
  return { name, mimeType: 'application/octet-stream', buffer };
}

/** The first images of CIFAR-10 as a batch file; null where LENSLET_DATA has none of it. */
export async function realCifarBatch(name: string, count: number): Promise<Upload | null> {
  const archive = realPath('cifar10/cifar10-jpeg-train.tar.gz');
  if (!archive) return null;
  const { default: sharp } = await import('sharp');
  const tar = gunzipSync(readFileSync(archive));
  const buffer = Buffer.alloc(count * 3073);
  // Headers of 512 bytes: the name at 0, the size in octal digits at 124.
  for (let at = 0, i = 0; i < count; ) {
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    const label = /_(\d)\.jpg/.exec(tar.toString('latin1', at, at + 100));
    if (label) {
      const pixels = await sharp(tar.subarray(at + 512, at + 512 + size))
        .raw()
        .toBuffer();
      buffer[i * 3073] = Number(label[1]);
      pixels.forEach((v, k) => {
        buffer[i * 3073 + 1 + (k % 3) * 1024 + Math.floor(k / 3)] = v;
      });
      i++;
    }
    at += 512 + 512 * Math.ceil(size / 512);
  }
  return { name, mimeType: 'application/octet-stream', buffer };
}

/** PNG files of one colour each, painted by the browser. */
export async function picture(page: Page, colour: string): Promise<Buffer> {
  const base64 = await page.evaluate((fill) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [60, 40];
    const context = canvas.getContext('2d')!;
    context.fillStyle = fill;
    context.fillRect(0, 0, 60, 40);
    return canvas.toDataURL('image/png').split(',')[1]!;
  }, colour);
  return Buffer.from(base64, 'base64');
}

/** A zip with a folder of pictures for each of two classes. */
export async function pictureZip(page: Page, perClass: number): Promise<Upload> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < perClass; i++) {
    files[`things/red/${i}.png`] = await picture(page, `hsl(${i % 12}, 90%, ${40 + (i % 9)}%)`);
    files[`things/blue/${i}.png`] = await picture(page, `hsl(${220 + (i % 12)}, 90%, ${40 + (i % 9)}%)`);
  }
  return { name: 'things.zip', mimeType: 'application/zip', buffer: Buffer.from(zipSync(files)) };
}
