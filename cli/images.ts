/** Pictures from files, through sharp where it is installed. */
import { LensletError } from '../src/core/error.ts';
import type { GreyImage } from '../src/vision/digit.ts';
import { readBytes } from './files.ts';

type Sharp = typeof import('sharp')['default'];
type Picture = ReturnType<Sharp>;

/** Above any camera's; a file that declares more is refused before it is decoded. */
const MOST_PIXELS = 100e6;

const importSharp = async (): Promise<Sharp> => (await import('sharp')).default;

async function openSharp(load: () => Promise<Sharp>): Promise<Sharp> {
  return load().catch((cause: unknown) => {
    throw new LensletError(
      'unsupported',
      'Reading pictures needs the optional package sharp: install it with "npm install sharp".',
      { cause },
    );
  });
}

/** The picture turned as the camera says, transparent parts white. Errors name the file. */
async function open<T>(sharp: Sharp, path: string, use: (picture: Picture) => Promise<T>): Promise<T> {
  const bytes = await readBytes(path);
  try {
    const picture = sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'error' });
    return await use(picture.autoOrient().flatten({ background: '#fff' }));
  } catch (cause) {
    throw new LensletError('format', `${path} is no picture that can be read (${firstLine(cause)}).`, {
      cause,
    });
  }
}

/** What is made of a picture, errors naming its file. */
export async function naming<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof LensletError)
      throw new LensletError(cause.code, `${file}: ${cause.message}`, { cause });
    throw cause;
  }
}

const firstLine = (cause: unknown): string => (cause as Error).message.split('\n')[0];

/** A function that reads pictures as luma 0 … 255. @throws LensletError 'unsupported' when sharp is not installed */
export async function openDecoder(
  load: () => Promise<Sharp> = importSharp,
): Promise<(path: string) => Promise<GreyImage>> {
  const sharp = await openSharp(load);
  return (path) =>
    open(sharp, path, async (picture) => {
      const { data, info } = await picture
        .toColourspace('b-w')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      const { width, height, channels } = info;
      const grey = Uint8Array.from({ length: width * height }, (_, i) => data[i * channels]);
      return { width, height, data: grey };
    });
}

/**
 * A function that reads pictures as C·H·W bytes of this size, C being 1 (luma) or 3 (sRGB); what sticks out of the
 * middle is cut off. @throws LensletError 'unsupported' when sharp is not installed
 */
export async function openResizer(
  channels: number,
  height: number,
  width: number,
  load: () => Promise<Sharp> = importSharp,
): Promise<(path: string) => Promise<Uint8Array>> {
  const sharp = await openSharp(load);
  return (path) =>
    open(sharp, path, async (picture) => {
      const { data, info } = await picture
        .resize(width, height, { fit: 'cover' })
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      const plane = height * width;
      return Uint8Array.from({ length: channels * plane }, (_, i) => {
        return data[(i % plane) * info.channels + Math.min(Math.floor(i / plane), info.channels - 1)];
      });
    });
}
