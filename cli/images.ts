/** Pictures from files, through sharp where it is installed. */
import { LensletError } from '../src/core/error.ts';
import type { GreyImage } from '../src/vision/digit.ts';
import { readBytes } from './files.ts';

type Sharp = typeof import('sharp')['default'];

/** Above any camera's; a file that declares more is refused before it is decoded. */
const MOST_PIXELS = 100e6;

const importSharp = async (): Promise<Sharp> => (await import('sharp')).default;

/** A function that decodes pictures. @throws LensletError 'unsupported' when sharp is not installed */
export async function openDecoder(
  load: () => Promise<Sharp> = importSharp,
): Promise<(path: string) => Promise<GreyImage>> {
  const sharp = await load().catch((cause: unknown) => {
    throw new LensletError(
      'unsupported',
      'Reading pictures needs the optional package sharp: install it with "npm install sharp".',
      { cause },
    );
  });
  return async (path) => decode(sharp, path, await readBytes(path));
}

/** Luma 0 … 255, transparent parts white, turned as the camera says. */
async function decode(sharp: Sharp, path: string, bytes: Uint8Array): Promise<GreyImage> {
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: MOST_PIXELS, failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#fff' })
      .toColourspace('b-w')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const grey = Uint8Array.from({ length: width * height }, (_, i) => data[i * channels]);
    return { width, height, data: grey };
  } catch (cause) {
    throw new LensletError('format', `${path} is no picture that can be read (${firstLine(cause)}).`, {
      cause,
    });
  }
}

const firstLine = (cause: unknown): string => (cause as Error).message.split('\n')[0];
